"""Scoring of one hour: features on disk → Petastorm → the version's members → quantiles of z.

What of them is published, guard and calibration decide (`model.calibration`). TensorFlow and
LightGBM are imported by `Scorer.load`, not with this module.
"""

from __future__ import annotations

from collections.abc import Mapping
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
from model.calibration import CoinState, Steps
from model.composition import Composed, Member
from model.dataset import Windows, network_inputs, read_columns
from model.features import CONTEXT_HOURS, FeatureSpec
from model.forecasters.serving import load_fitted
from model.registry import MANIFEST
from model.stable import StableRule, is_depegged

SIGNATURE, CALIBRATION, INPUTS = "signature.json", "calibration.json", "inputs.json"
"""Files of a version: how its members fit together; what guard and calibration begin with; how the
watched features were distributed in training."""

FIELDS = (
    "symbol",
    "open_time_ms",
    "coin",
    "sequence",
    "static",
    "sigma",
    "last_close",
    "is_usable",
)
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
    """What a version says of one coin's next close (grain: symbol; the hour is the file's).

    Attributes:
        symbol: the coin.
        z: quantiles of z = next log-return / sigma, one per level, rising, before guard and
            calibration.
        base_z: the same of the last close with EWMA bands.
        sigma: hourly volatility of log-returns.
        last_close: quote units.
        is_depegged: a stable coin's last close was too far from 1, its bands are widened.
    """

    symbol: str
    z: tuple[float, ...]
    base_z: tuple[float, ...]
    sigma: float
    last_close: float
    is_depegged: bool = False


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
    """One loaded version: its members, the bands they stand on, the stable coins' rules.

    Attributes:
        version: its name in the registry; '' for a folder that was never published.
        spec: the features that it expects; pass it to `build_rows`.
        levels: of its quantiles.
        expires_ms: exchange time (UTC epoch ms) after which its members must not be used.
        seeds: what guard and calibration of each coin begin with, where nothing was published yet.
    """

    def __init__(
        self,
        version: str,
        signature: Mapping[str, Any],
        composed: Composed,
        seeds: Mapping[str, CoinState],
    ) -> None:
        self.version = version
        self.spec = FeatureSpec.from_dict(signature["spec"])
        self.levels: tuple[float, ...] = tuple(signature["levels"])
        self.expires_ms = int(signature["expires_ms"])
        self.seeds = dict(seeds)
        self._is_guarded = bool(signature["is_guarded"])
        self._is_calibrated = bool(signature["is_calibrated"])
        self._base = tuple(float(value) for value in signature["base"])
        self._stable = {
            symbol: StableRule.from_dict(rule) for symbol, rule in signature["stable"].items()
        }
        self._composed = composed

    @classmethod
    def load(cls, local_dir: Path, *, threads: int = 1) -> Scorer:
        """Load a verified folder (`Registry.fetch`) and let every member score ten rows once.

        Args:
            local_dir: `signature.json`, `calibration.json`, the members' files and, if published,
                `manifest.json`.
            threads: of TensorFlow, if it does not run yet in this process; ten rows need one.

        Raises:
            ValueError: if the version was made for features that this code does not make.
            ForecasterError: if a member cannot be loaded here.
        """
        _limit_threads(threads)
        signature = orjson.loads((local_dir / SIGNATURE).read_bytes())
        manifest = local_dir / MANIFEST
        version = orjson.loads(manifest.read_bytes())["version"] if manifest.exists() else ""
        members = tuple(
            Member(member["name"], tuple(load_fitted(local_dir, fit) for fit in member["fits"]))
            for member in signature["members"]
        )
        states = orjson.loads((local_dir / CALIBRATION).read_bytes())
        seeds = {symbol: CoinState.from_dict(state) for symbol, state in states.items()}
        composed = Composed(members, float(signature["median_weight"]))
        scorer = cls(version, signature, composed, seeds)
        scorer._warm_up()
        return scorer

    def steps(self, symbol: str) -> Steps:
        """Return what a coin's quantiles go through before they are published."""
        return Steps(self._is_guarded and symbol not in self._stable, self._is_calibrated)

    def score(self, features_dir: Path) -> list[Scored]:
        """Score the usable rows of one hour, read through Petastorm.

        Args:
            features_dir: local folder that holds only that hour's Parquet file
                (`features_parquet`).

        Returns:
            One answer per usable row, in the file's order.

        Raises:
            ScoringError: if a member gives a value that is no number or quantiles out of order.
        """
        columns = read_columns(features_dir, FIELDS)
        usable = columns["is_usable"].astype(bool)
        columns = {name: values[usable] for name, values in columns.items()}
        if not usable.any():
            return []
        return self.score_columns(columns)

    def quantiles(self, rows: Windows) -> npt.NDArray[np.float64]:
        """Return (rows, levels) quantiles of z of volatile coins, before guard and calibration."""
        return self._composed.quantiles(rows)

    def score_columns(self, columns: Mapping[str, npt.NDArray[Any]]) -> list[Scored]:
        """Score usable rows given as columns `FIELDS`; see `score`."""
        rows = self._windows(columns)
        composed = self._composed.quantiles(rows)
        return [
            self._answer(str(symbol), composed[index].tolist(), close, sigma)
            for index, (symbol, close, sigma) in enumerate(
                zip(rows.symbols, rows.last_close.tolist(), rows.sigma.tolist(), strict=True)
            )
        ]

    def baseline(self, symbol: str, last_close: float, sigma: float) -> Scored:
        """Return the last close with EWMA bands by this version's parameters.

        What a volatile coin gets from a caller that must not use the members (expired, broken).
        """
        return Scored(symbol, self._base, self._base, sigma, last_close)

    def _answer(self, symbol: str, composed: list[float], close: float, sigma: float) -> Scored:
        rule = self._stable.get(symbol)
        if rule is None:
            return Scored(symbol, _sane(symbol, composed), self._base, sigma, close)
        z = rule.quantiles_of_z(close, sigma)
        depegged = bool(is_depegged(np.array([close]))[0])
        return Scored(symbol, _sane(symbol, z), rule.quantiles, sigma, close, depegged)

    def _windows(self, columns: Mapping[str, npt.NDArray[Any]]) -> Windows:
        sequence, static, coin = columns["sequence"], columns["static"], columns["coin"]
        return Windows(
            symbols=columns["symbol"],
            open_time_ms=columns["open_time_ms"].astype(np.int64),
            inputs=network_inputs(sequence, static, coin, self.spec),
            sigma=columns["sigma"].astype(np.float64),
            last_close=columns["last_close"].astype(np.float64),
            z=np.full(len(coin), np.nan),
        )

    def _warm_up(self) -> None:
        count = max(len(self.spec.symbols), 1)
        width = CONTEXT_HOURS * self.spec.sequence_width
        self._composed.quantiles(
            self._windows(
                {
                    "symbol": np.array(list(self.spec.symbols), dtype=object),
                    "open_time_ms": np.zeros(count, dtype=np.int64),
                    "coin": np.zeros(count, dtype=np.int32),
                    "sequence": np.zeros((count, width), dtype=np.float32),
                    "static": np.zeros((count, self.spec.static_width), dtype=np.float32),
                    "sigma": np.ones(count),
                    "last_close": np.ones(count),
                }
            )
        )


def _limit_threads(threads: int) -> None:
    import tensorflow as tf

    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError:  # TensorFlow already runs in this process
        return


def _sane(symbol: str, z: list[float]) -> tuple[float, ...]:
    if not np.isfinite(z).all() or z != sorted(z):
        message = f"the model's quantiles for {symbol} are not rising numbers: {z}"
        raise ScoringError(message)
    return tuple(z)
