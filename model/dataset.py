"""Training windows from a local snapshot, through Petastorm.

Every reader is drained or stopped and joined: Petastorm's threads otherwise abort the interpreter
at its end. TensorFlow is imported only where a `tf.data` set is asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model.features import CONTEXT_HOURS, FeatureSpec

FIELDS = ("symbol", "open_time_ms", "coin", "sequence", "static", "sigma", "last_close", "target_z")


@dataclass(frozen=True)
class Windows:
    """Windows in memory, one row per coin and hour, ordered by hour and coin.

    Attributes:
        symbols: coin of each row.
        open_time_ms: UTC epoch ms.
        inputs: what the network takes, by input name.
        sigma: hourly volatility.
        last_close: quote units.
        z: target in sigmas.
        week_ago: return of the target's hour a week before, in sigmas, NaN where unknown; only a
            seasonal baseline takes it, no network.
    """

    symbols: npt.NDArray[np.object_]
    open_time_ms: npt.NDArray[np.int64]
    inputs: dict[str, npt.NDArray[Any]]
    sigma: npt.NDArray[np.float64]
    last_close: npt.NDArray[np.float64]
    z: npt.NDArray[np.float64]
    week_ago: npt.NDArray[np.float64] | None = None


def network_inputs(
    sequence: npt.NDArray[np.float32],
    static: npt.NDArray[np.float32],
    coin: npt.NDArray[np.int32],
    spec: FeatureSpec,
) -> dict[str, npt.NDArray[Any]]:
    """Return stored columns as the network's named inputs: views, where the types fit."""
    return {
        "sequence": sequence.reshape(-1, CONTEXT_HOURS, spec.sequence_width).astype(
            np.float32, copy=False
        ),
        "static": static[:, : spec.own_width].astype(np.float32, copy=False),
        "connected": static[:, spec.own_width :].astype(np.float32, copy=False),
        "coin": coin.astype(np.int32, copy=False),
    }


def open_reader(folder: Path, fields: Sequence[str], **options: Any) -> Any:
    """Return a Petastorm reader of a local Parquet folder; close it with `with` or stop and join.

    Args:
        folder: plain Parquet files, lists of equal length, no nulls in `fields`.
        fields: columns to read.
        options: further arguments of `make_batch_reader`; by default one pass in file order, read
            in the calling thread.
    """
    from petastorm import make_batch_reader

    defaults: dict[str, Any] = {
        "reader_pool_type": "dummy",
        "shuffle_row_groups": False,
        "num_epochs": 1,
    }
    # Not `as_uri`: Petastorm takes the path of a URL as it stands, percent signs included.
    url = f"file://{folder.resolve()}"
    # Petastorm uses what pyarrow 14 has marked for removal, on each read: say it never.
    warnings.filterwarnings("ignore", category=FutureWarning, module=r"petastorm\.")
    return make_batch_reader(url, schema_fields=list(fields), **{**defaults, **options})


def read_columns(folder: Path, fields: Sequence[str]) -> dict[str, npt.NDArray[Any]]:
    """Return whole columns of a folder, rows in file order."""
    parts: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in fields}
    with open_reader(folder, fields) as reader:
        for batch in reader:
            for name in fields:
                parts[name].append(getattr(batch, name))
    return {name: np.concatenate(values) for name, values in parts.items()}


def read_windows(folder: Path, spec: FeatureSpec) -> Windows:
    """Read all windows of a folder into memory, through Petastorm, in one fixed order."""
    column = read_columns(folder, FIELDS)
    order = np.lexsort((column["coin"], column["open_time_ms"]))
    column = {name: values[order] for name, values in column.items()}
    return Windows(
        symbols=column["symbol"],
        open_time_ms=column["open_time_ms"].astype(np.int64),
        inputs=network_inputs(column["sequence"], column["static"], column["coin"], spec),
        sigma=column["sigma"].astype(np.float64),
        last_close=column["last_close"].astype(np.float64),
        z=column["target_z"].astype(np.float64),
    )


@contextmanager
def training_batches(
    folder: Path,
    spec: FeatureSpec,
    *,
    batch_size: int,
    epochs: int | None,
    seed: int,
    shard: tuple[int, int] | None = None,
) -> Iterator[Iterator[tuple[dict[str, Any], Any]]]:
    """Yield an iterator of (inputs, z) tensors over `epochs` passes, shuffled, equal for equal seeds.

    Rows are shuffled inside each row group and the groups among themselves; the snapshot itself is
    written in the order of a hash, so that a group is a random sample of hours and coins.

    Args:
        folder: Parquet files of training windows.
        spec: widths of the columns.
        batch_size: rows of a batch; the last ones of a pass run on into the next.
        epochs: passes before the iterator ends; without end if None.
        seed: of the shuffle. One reading thread keeps the order the same.
        shard: which of how many parts of the row groups to read; all of them if None.
    """
    from petastorm.tf_utils import make_petastorm_dataset

    reader = open_reader(
        folder,
        ("coin", "sequence", "static", "target_z"),
        reader_pool_type="thread",
        workers_count=1,
        shuffle_rows=True,
        shuffle_row_groups=True,
        num_epochs=epochs,
        seed=seed,
        **({"cur_shard": shard[0], "shard_count": shard[1]} if shard else {}),
    )
    try:
        dataset = make_petastorm_dataset(reader).map(lambda row: _tensors(row, spec))
        yield iter(dataset.rebatch(batch_size, drop_remainder=True).prefetch(4))
    finally:
        reader.stop()
        reader.join()


def _tensors(row: Any, spec: FeatureSpec) -> tuple[dict[str, Any], Any]:
    import tensorflow as tf

    static = tf.reshape(row.static, (-1, spec.static_width))
    inputs = {
        "sequence": tf.reshape(row.sequence, (-1, CONTEXT_HOURS, spec.sequence_width)),
        "static": static[:, : spec.own_width],
        "connected": static[:, spec.own_width :],
        "coin": tf.reshape(row.coin, (-1,)),
    }
    return inputs, tf.reshape(row.target_z, (-1,))
