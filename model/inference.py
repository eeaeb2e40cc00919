"""Scoring of one hour: features on disk → Petastorm → the champion → prices.

TensorFlow is imported by `Scorer.load`, not with this module.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from conf.names import utc_time
from model.baselines import ewma_bands
from model.dataset import network_inputs, read_columns
from model.features import CONTEXT_HOURS, FeatureSpec
from model.registry import MANIFEST, MODEL
from model.shrinkage import shrink
from model.stable import StableRule

SIGNATURE = "signature.json"
FIELDS = ("symbol", "coin", "sequence", "static", "sigma", "last_close", "is_usable")
FEATURES_SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("open_time_ms", pa.int64(), nullable=False),
        pa.field("open_time", pa.timestamp("ms", tz="UTC"), nullable=False),
        pa.field("coin", pa.int32(), nullable=False),
        pa.field("sequence", pa.list_(pa.float32()), nullable=False),
        pa.field("static", pa.list_(pa.float32()), nullable=False),
        pa.field("sigma", pa.float64(), nullable=False),
        pa.field("last_close", pa.float64(), nullable=False),
        pa.field("mask", pa.string(), nullable=False),
        pa.field("feature_hash", pa.string(), nullable=False),
        pa.field("is_usable", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),
    ]
)


class ScoringError(Exception):
    """The model cannot score these rows, or gave what must not be published."""


@dataclass(frozen=True)
class Scored:
    """Forecast of one coin's next close (grain: symbol; the hour is the file's).

    Attributes:
        symbol: the coin.
        quantiles: level (0.05, 0.25, 0.5, 0.75, 0.95) → price in quote units, not rounded, rising.
    """

    symbol: str
    quantiles: dict[float, float]


def features_parquet(rows: pd.DataFrame) -> bytes:
    """Return the Parquet file of one hour's rows (`model.features.build_rows`), as `Scorer` reads it.

    Unknown `sigma` and `last_close` are NaN, never null: Petastorm refuses nulls.
    """
    times = pa.array(
        [utc_time(int(ms)) for ms in rows["open_time_ms"]], FEATURES_SCHEMA.field("open_time").type
    )
    columns = {
        field.name: times
        if field.name == "open_time"
        else pa.array(rows[field.name].tolist(), type=field.type, from_pandas=field.nullable)
        for field in FEATURES_SCHEMA
    }
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=FEATURES_SCHEMA), sink, compression="zstd")
    return bytes(sink.getvalue())


class Scorer:
    """One loaded version of the model: the network, the bands it stands on, the stable coins' rule.

    Attributes:
        version: its name in the registry; '' for a folder that was never published.
        spec: the features that it expects; pass it to `build_rows`.
        expires_ms: exchange time (UTC epoch ms) after which it must not be used.
    """

    def __init__(
        self,
        version: str,
        signature: dict[str, Any],
        infer: Callable[[dict[str, npt.NDArray[Any]]], npt.NDArray[np.float64]],
    ) -> None:
        self.version = version
        self.spec = FeatureSpec.from_dict(signature["spec"])
        self.levels: tuple[float, ...] = tuple(signature["levels"])
        self.expires_ms = int(signature["expires_ms"])
        self._median_weight = float(signature["median_weight"])
        self._base = tuple(float(value) for value in signature["base"])
        self._stable = {
            symbol: StableRule.from_dict(rule) for symbol, rule in signature["stable"].items()
        }
        self._infer = infer

    @classmethod
    def load(cls, local_dir: Path, *, threads: int = 1) -> Scorer:
        """Load a verified folder (`Registry.fetch`) and trace the network once, on ten rows.

        Args:
            local_dir: `model.keras`, `signature.json` and, if published, `manifest.json`.
            threads: of TensorFlow, if it does not run yet in this process; ten rows need one.

        Raises:
            ValueError: if the version was made for features that this code does not make.
        """
        signature = orjson.loads((local_dir / SIGNATURE).read_bytes())
        manifest = local_dir / MANIFEST
        version = orjson.loads(manifest.read_bytes())["version"] if manifest.exists() else ""
        spec = FeatureSpec.from_dict(signature["spec"])
        scorer = cls(version, signature, _traced(local_dir / MODEL, spec, threads))
        rows = max(len(spec.symbols), 1)
        scorer._network_quantiles(
            np.zeros((rows, CONTEXT_HOURS * spec.sequence_width), dtype=np.float32),
            np.zeros((rows, spec.static_width), dtype=np.float32),
            np.zeros(rows, dtype=np.int32),
        )
        return scorer

    def score(self, features_dir: Path) -> list[Scored]:
        """Score the usable rows of one hour, read through Petastorm.

        Args:
            features_dir: local folder that holds only that hour's Parquet file
                (`features_parquet`).

        Returns:
            One forecast per usable row, in the file's order.

        Raises:
            ScoringError: if the model gives a value that is no number or quantiles out of order.
        """
        columns = read_columns(features_dir, FIELDS)
        usable = columns["is_usable"].astype(bool)
        columns = {name: values[usable] for name, values in columns.items()}
        if not usable.any():
            return []
        return self.score_columns(columns)

    def score_columns(self, columns: dict[str, npt.NDArray[Any]]) -> list[Scored]:
        """Score usable rows given as columns `FIELDS`; see `score`."""
        close = columns["last_close"].astype(np.float64)
        sigma = columns["sigma"].astype(np.float64)
        z = self._network_quantiles(columns["sequence"], columns["static"], columns["coin"])
        prices = close[:, None] * np.exp(sigma[:, None] * z)
        scored = []
        for index, symbol in enumerate(columns["symbol"]):
            rule = self._stable.get(symbol)
            if rule is None:
                quantiles = dict(zip(self.levels, map(float, prices[index]), strict=True))
            else:
                quantiles = rule.prices(float(close[index]), float(sigma[index]))
            scored.append(Scored(str(symbol), _sane(symbol, quantiles)))
        return scored

    def baseline(self, last_close: float, sigma: float) -> dict[float, float]:
        """Return naive + EWMA bands by this version's parameters: level → price.

        What a volatile coin gets from a caller that must not use the network (expired, broken).
        """
        bands = ewma_bands(np.array([last_close]), np.array([sigma]), self._base)[0]
        return dict(zip(self.levels, map(float, bands), strict=True))

    def _network_quantiles(
        self,
        sequence: npt.NDArray[np.float32],
        static: npt.NDArray[np.float32],
        coin: npt.NDArray[np.int32],
    ) -> npt.NDArray[np.float64]:
        quantiles = self._infer(network_inputs(sequence, static, coin, self.spec))
        return shrink(quantiles, self._median_weight)


def _traced(
    path: Path, spec: FeatureSpec, threads: int
) -> Callable[[dict[str, npt.NDArray[Any]]], npt.NDArray[np.float64]]:
    """Return the network as one traced function of any number of rows."""
    import tensorflow as tf

    from model.network import load_network

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # TensorFlow already runs in this process
        pass
    network = load_network(path)
    signature = {
        "sequence": tf.TensorSpec((None, CONTEXT_HOURS, spec.sequence_width), tf.float32),
        "static": tf.TensorSpec((None, spec.own_width), tf.float32),
        "connected": tf.TensorSpec((None, spec.connected_width), tf.float32),
        "coin": tf.TensorSpec((None,), tf.int32),
    }
    function = tf.function(
        lambda inputs: network(inputs, training=False), input_signature=[signature]
    ).get_concrete_function()

    def infer(inputs: dict[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        tensors = {name: tf.convert_to_tensor(values) for name, values in inputs.items()}
        answer: npt.NDArray[np.float64] = function(tensors).numpy().astype(np.float64)
        return answer

    return infer


def _sane(symbol: str, quantiles: dict[float, float]) -> dict[float, float]:
    values = [quantiles[level] for level in sorted(quantiles)]
    if not np.isfinite(values).all() or values[0] <= 0 or values != sorted(values):
        message = f"the model's quantiles for {symbol} are not rising prices: {values}"
        raise ScoringError(message)
    return quantiles
