"""Where an hour's features and forecasts go before the ledger: HDFS and the topic `forecasts`.

Each write may be repeated: files replace themselves, messages carry the key of their forecast.
Every error is raised: the batch then comes again.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from conf.connections.hdfs import open_hdfs, read_file, write_replacing
from conf.connections.hdfs_folders import names_in, parquet_rows
from conf.contracts.candles import candle_key
from conf.contracts.forecasts import ADDED, VECTORS, Forecast, encode_forecast, tuple_or_none
from conf.names import Namespace, epoch_ms, utc_time
from conf.settings import HdfsSettings, KafkaSettings
from streaming.acknowledged import AcknowledgedTopic

DELIVERY_TIMEOUT_S = 10.0

_PRICE = pa.decimal128(38, 8)
_TIME = pa.timestamp("us", tz="UTC")
FORECAST_SCHEMA = pa.schema(
    [
        pa.field("symbol", pa.string(), nullable=False),
        pa.field("target_open_time", _TIME, nullable=False),
        pa.field("as_of_open_time", _TIME, nullable=False),
        pa.field("model_version", pa.string(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("issued_at", _TIME, nullable=False),
        pa.field("last_close", _PRICE),
        pa.field("q05", _PRICE),
        pa.field("q25", _PRICE),
        pa.field("q50", _PRICE),
        pa.field("q75", _PRICE),
        pa.field("q95", _PRICE),
        pa.field("is_fallback", pa.bool_(), nullable=False),
        pa.field("refusal_reason", pa.string()),
        pa.field("input_verdict", pa.string()),
        pa.field("mask", pa.string(), nullable=False),
        pa.field("feature_hash", pa.string(), nullable=False),
        pa.field("input_revision", pa.int32()),
        pa.field("sigma", pa.float64()),
        pa.field("raw_z", pa.list_(pa.float64())),
        pa.field("base_z", pa.list_(pa.float64())),
        pa.field("alphas", pa.list_(pa.float64())),
        pa.field("is_guarded", pa.bool_()),
        pa.field("is_depegged", pa.bool_()),
    ]
)
COLUMNS = tuple(FORECAST_SCHEMA.names)
"""Columns of a forecast in Parquet and in the table `forecast` (grain: symbol, target hour)."""

_TIMES = ("target_open_time", "as_of_open_time", "issued_at")


def to_record(forecast: Forecast) -> dict[str, Any]:
    """Return the columns of a forecast; times as aware UTC datetimes."""
    record: dict[str, Any] = {
        name: utc_time(getattr(forecast, f"{name}_ms"))
        if name in _TIMES
        else getattr(forecast, name)
        for name in COLUMNS
    }
    for name in VECTORS:  # a tuple would be a row of SQL
        record[name] = None if record[name] is None else list(record[name])
    return record


def from_record(record: dict[str, Any]) -> Forecast:
    """Return the forecast of a record of `to_record`, from whichever store it comes.

    A file from before a field was added has none of it.
    """
    known = ADDED | record
    fields: dict[str, Any] = {
        (f"{name}_ms" if name in _TIMES else name): (
            epoch_ms(known[name]) if name in _TIMES else known[name]
        )
        for name in COLUMNS
    }
    return Forecast(**fields | {name: tuple_or_none(fields[name]) for name in VECTORS})


class HdfsStore:
    """Features and forecasts as Parquet on HDFS, one file per target hour.

    Guarantee: a file is replaced whole; repeating a write leaves the same file.
    """

    def __init__(self, settings: HdfsSettings, namespace: Namespace) -> None:
        self._files = open_hdfs(settings)
        self._namespace = namespace

    def write_features(self, target_open_time_ms: int, content: bytes) -> None:
        """Record what the model is about to see."""
        write_replacing(self._files, self._namespace.features_file(target_open_time_ms), content)

    def write_forecasts(self, rows: Sequence[Forecast]) -> None:
        """Write one hour's forecasts and refusals by one model."""
        first = rows[0]
        path = self._namespace.forecast_file(first.target_open_time_ms, first.model_version)
        table = pa.Table.from_pylist([to_record(row) for row in rows], FORECAST_SCHEMA)
        buffer = io.BytesIO()
        pq.write_table(table, buffer)
        write_replacing(self._files, path, buffer.getvalue())

    def read_forecasts(self, target_open_time_ms: int) -> list[Forecast]:
        """Return the forecasts already written for a target hour, empty if there are none."""
        folder = posixpath.dirname(self._namespace.forecast_file(target_open_time_ms, "any"))
        start = f"{target_open_time_ms}-"
        paths = names_in(self._files, folder)
        found = [path for path in paths if posixpath.basename(path).startswith(start)]
        if not found:
            return []
        return [from_record(row) for row in parquet_rows(read_file(self._files, found[0]))]


class KafkaStore:
    """The topic `forecasts`.

    Guarantee: at least once; a repeated hour repeats messages of equal key and equal content.
    """

    def __init__(self, settings: KafkaSettings, namespace: Namespace) -> None:
        self._topic = AcknowledgedTopic(
            settings, namespace.forecasts_topic, {"linger.ms": 0}, DELIVERY_TIMEOUT_S
        )

    def send(self, rows: Sequence[Forecast]) -> None:
        """Publish the rows and wait until the brokers have acknowledged each one.

        Raises:
            SinkError: if one of them was not delivered in time.
        """
        self._topic.send(
            (candle_key(row.symbol, row.target_open_time_ms), encode_forecast(row)) for row in rows
        )
