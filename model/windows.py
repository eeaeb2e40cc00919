"""Spark job: hourly history → training windows as Parquet, named by what they were made of.

Grain: one row per coin and hour that has 48 contiguous hours before it and a next close. Rows lie
in the order of a hash, so that any row group is a random sample. Guarantee: a snapshot folder
with `manifest.json` is complete and never changes; equal history gives the same folder again.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pyarrow.parquet as pq

from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.exogenous import read_column, with_columns
from model.features import VOLATILITY_HOURS, FeatureSpec, build_rows
from model.places import Place
from model.windows_plan import PARTS, WindowsPlan, manifest_hash, plan_windows

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

MANIFEST = "manifest.json"
WINDOW_SCHEMA = (
    "symbol string, open_time_ms bigint, coin int, sequence array<float>, static array<float>, "
    "sigma double, last_close double, target_z float, part string"
)
HISTORY_SCHEMA = (
    "open_time timestamp, open double, high double, low double, close double, volume double"
)
_ROW_EXTRA_BYTES = 64  # of a window beside its two float lists
_PANEL = ("symbol", "open_time_ms", "open", "high", "low", "close", "volume")


class WindowsError(Exception):
    """The history cannot become windows; says what is missing."""


@dataclass(frozen=True)
class Snapshot:
    """A complete folder of windows.

    Attributes:
        folder: path in the store that holds it.
        manifest: inputs, meaning, bounds, files with size, SHA-256 and rows.
    """

    folder: str
    manifest: dict[str, Any]

    @property
    def name(self) -> str:
        """The manifest's hash: 16 hex characters."""
        return self.folder.rpartition("h=")[2]

    @property
    def plan(self) -> WindowsPlan:
        """Bounds of training and validation."""
        return WindowsPlan(**self.manifest["plan"])

    @property
    def absent(self) -> list[str]:
        """Coins of the vocabulary that have no history."""
        known = {entry.get("symbol") for entry in self.manifest["inputs"]}
        return [symbol for symbol in self.manifest["spec"]["symbols"] if symbol not in known]

    def rows(self, part: str) -> int:
        """Return the number of windows of a part."""
        return sum(file["rows"] for file in self.manifest["files"] if _part_of(file) == part)


def make_snapshot(
    session: Callable[[], SparkSession], place: Place, spec: FeatureSpec, settings: ModelSettings
) -> Snapshot:
    """Return the snapshot of the history as it is now; runs Spark only if it does not exist yet.

    Args:
        session: gives the Spark session whose default file system is the place's; called at need.
        place: of the history and of the snapshots.
        spec: vocabulary and meaning of the features.
        settings: bounds, chunk and row group sizes.

    Raises:
        WindowsError: if there is no history at all or too little. A coin without any is left out of
            the windows; in those of the others it is masked.
    """
    described = [_describe_input(place, symbol) for symbol in spec.symbols]
    inputs = [entry for entry in described if entry is not None]
    if not inputs:
        message = (
            f"no history such as {place.history_file(spec.symbols[0])}; "
            "run `python -m streaming.history` first"
        )
        raise WindowsError(message)
    first = min(entry["first_ms"] for entry in inputs)
    last = max(entry["last_ms"] for entry in inputs)
    try:
        plan = plan_windows(first, last, settings)
    except ValueError as error:
        raise WindowsError(str(error)) from error
    columns = _exogenous(place, spec)
    inputs += [_describe_column(name, content) for name, content in columns.items()]
    folder = f"{place.windows_dir}/h={manifest_hash(inputs, spec, plan)}"
    if place.exists(f"{folder}/{MANIFEST}"):
        return Snapshot(folder, orjson.loads(place.read(f"{folder}/{MANIFEST}")))
    known = {entry["symbol"] for entry in inputs if "symbol" in entry}
    paths = {symbol: place.history_file(symbol) for symbol in spec.symbols if symbol in known}
    outside = {name: read_column(name, content) for name, content in columns.items()}
    frame = windows_frame(session(), paths, spec, plan, outside)
    write_windows(frame, folder, spec, settings)
    manifest = {
        "inputs": inputs,
        "spec": spec.to_dict(),
        "plan": asdict(plan),
        "files": [_describe_output(place, path) for path in _output_paths(place, folder)],
    }
    place.write(f"{folder}/{MANIFEST}", orjson.dumps(manifest))
    return Snapshot(folder, manifest)


def windows_frame(
    session: SparkSession,
    paths: Mapping[str, str],
    spec: FeatureSpec,
    plan: WindowsPlan,
    exogenous: Mapping[str, pd.DataFrame] | None = None,
) -> DataFrame:
    """Return the windows of all hours of the plan, not yet shuffled (columns: `WINDOW_SCHEMA`).

    Args:
        session: any Spark session.
        paths: history file of each symbol.
        spec: vocabulary and meaning of the features.
        plan: bounds and chunk size.
        exogenous: rows of each exogenous column (`model.exogenous`), a few MB a decade.
    """
    from pyspark.sql import functions as f

    # With the schema given, Spark opens no file before the job itself.
    history = session.read.schema(HISTORY_SCHEMA).parquet(*paths.values())
    file_symbols = f.create_map(
        *[f.lit(text) for symbol, path in paths.items() for text in (_file_name(path), symbol)]
    )
    history = history.select(
        file_symbols[f.col("_metadata.file_name")].alias("symbol"),
        f.unix_millis("open_time").alias("open_time_ms"),
        *_PANEL[2:],
    )
    hour = f.expr(f"(open_time_ms - {plan.first_ms}) div {HOUR_MS}")
    first = f.expr(f"floor((hour - 1) / {plan.chunk_hours})")
    last = f.expr(f"floor((hour + {VOLATILITY_HOURS}) / {plan.chunk_hours})")
    chunks = f.sequence(f.greatest(first, f.lit(0)), f.least(last, f.lit(plan.chunks - 1)))
    return (
        history.withColumn("hour", hour)
        .where(f"hour between -{VOLATILITY_HOURS} and {plan.chunks * plan.chunk_hours}")
        .withColumn("chunk", f.explode(chunks))
        .groupBy("chunk")
        .applyInPandas(_chunk_function(spec, plan, exogenous or {}), WINDOW_SCHEMA)
    )


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _chunk_function(
    spec: FeatureSpec, plan: WindowsPlan, exogenous: Mapping[str, pd.DataFrame]
) -> Callable[[tuple[Any, ...], pd.DataFrame], pd.DataFrame]:
    def make(key: tuple[Any, ...], hours: pd.DataFrame) -> pd.DataFrame:
        return chunk_windows(int(key[0]), hours, spec, plan, exogenous)

    return make


def chunk_windows(
    chunk: int,
    hours: pd.DataFrame,
    spec: FeatureSpec,
    plan: WindowsPlan,
    exogenous: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Return the windows of one chunk. Pure.

    Args:
        chunk: its number.
        hours: the chunk's hours, the 336 before and the one after, of all coins.
        spec: vocabulary.
        plan: bounds.
        exogenous: rows of each exogenous column.
    """
    panel = with_columns(hours[list(_PANEL)].assign(is_valid=True), exogenous or {})
    rows = build_rows(panel, spec.symbols, plan.chunk_hours_ms(chunk), spec=spec)
    split = rows["open_time_ms"].map(plan.split)
    keep = rows["is_usable"] & rows["target_z"].notna() & split.notna()
    rows = rows[keep]
    family = rows["symbol"].isin(spec.stable).map({True: "stable-", False: "volatile-"})
    rows = rows.assign(part=family + split[keep], target_z=rows["target_z"].astype("float32"))
    return rows[[column.split()[0] for column in WINDOW_SCHEMA.split(", ")]]


def write_windows(
    frame: DataFrame, folder: str, spec: FeatureSpec, settings: ModelSettings
) -> None:
    """Write windows below ``folder/part=…``, shuffled by hash, in row groups of the set size."""
    row_bytes = 4 * (48 * spec.sequence_width + spec.static_width) + _ROW_EXTRA_BYTES
    (
        frame.selectExpr("*", "xxhash64(symbol, open_time_ms) as shuffle")
        .repartition("part", "shuffle")
        .sortWithinPartitions("part", "shuffle")
        .drop("shuffle")
        .write.mode("overwrite")
        .option("parquet.block.size", str(settings.rows_per_group * row_bytes))
        .option("parquet.enable.dictionary", "false")  # floats hardly repeat
        .partitionBy("part")
        .parquet(folder)
    )


def _describe_input(place: Place, symbol: str) -> dict[str, Any] | None:
    """Return what fixes a history file's content; None for a coin without history, new or renamed."""
    path = place.history_file(symbol)
    if not place.exists(path):
        return None
    content = place.read(path)
    times = pq.read_table(io.BytesIO(content), columns=["open_time"])["open_time"].cast("int64")
    if len(times) == 0:
        return None
    hours = times.to_numpy()
    return {
        "symbol": symbol,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": len(times),
        "first_ms": int(hours.min()),
        "last_ms": int(hours.max()),
    }


def _exogenous(place: Place, spec: FeatureSpec) -> dict[str, bytes]:
    """Return the files of the exogenous columns; one that is not there is masked everywhere."""
    paths = {name: place.exogenous_file(name) for name in spec.exogenous}
    return {name: place.read(path) for name, path in paths.items() if place.exists(path)}


def _describe_column(name: str, content: bytes) -> dict[str, Any]:
    return {
        "exogenous": name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": pq.ParquetFile(io.BytesIO(content)).metadata.num_rows,
    }


def _output_paths(place: Place, folder: str) -> list[str]:
    return sorted(
        f"{folder}/part={part}/{name}"
        for part in PARTS
        for name in place.names(f"{folder}/part={part}")
        if name.endswith(".parquet")
    )


def _describe_output(place: Place, path: str) -> dict[str, Any]:
    content = place.read(path)
    return {
        "path": "/".join(path.rsplit("/", 2)[1:]),
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "rows": pq.ParquetFile(io.BytesIO(content)).metadata.num_rows,
    }


def _part_of(file: dict[str, Any]) -> str:
    return str(file["path"].split("/")[0].removeprefix("part="))
