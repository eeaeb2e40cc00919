"""Names that a namespace gives to topics, files, schemas and keys. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

HOUR_MS = 3_600_000
DAY_HOURS = 24
DAY_MS = DAY_HOURS * HOUR_MS
WEEK_MS = 7 * DAY_MS

# Raised whenever the state of a query no longer fits: it then reads its topic again from the start.
CHECKPOINT_VERSIONS = {"candles": 4}


@dataclass(frozen=True)
class Namespace:
    """Everything that one run owns in the shared stores, so that two runs never meet."""

    name: str

    @property
    def trades_topic(self) -> str:
        """Topic of trades, CLOSE and GAP records (Avro, key = symbol)."""
        return f"{self.name}.trades"

    @property
    def dead_topic(self) -> str:
        """Topic of what could not become a trade (JSON, reason and raw bytes)."""
        return f"{self.name}.trades.dead"

    @property
    def candles_topic(self) -> str:
        """Topic of final candles (JSON, key ``SYMBOL|open_time_ms``)."""
        return f"{self.name}.candles"

    @property
    def forecasts_topic(self) -> str:
        """Topic of forecasts and refusals (JSON, key ``SYMBOL|target_open_time_ms``)."""
        return f"{self.name}.forecasts"

    @property
    def incidents_topic(self) -> str:
        """Topic of what happened to the feed (JSON, key = symbol or producer)."""
        return f"{self.name}.incidents"

    @property
    def feed_topic(self) -> str:
        """Topic of how each symbol's feed is doing (JSON, key = symbol, compacted)."""
        return f"{self.name}.feed"

    @property
    def sql_schema(self) -> str:
        """Postgres schema of this run."""
        return self.name.replace("-", "_")

    @property
    def hdfs_root(self) -> str:
        """Absolute HDFS folder of this run."""
        return f"/nexthour/{self.name}"

    @property
    def s3_prefix(self) -> str:
        """Key prefix of this run's registry."""
        return f"{self.name}/models/next-hour-close/"

    def transactional_id(self, shard: str) -> str:
        """Kafka transactional id of the one writer of a shard's symbols."""
        return f"{self.name}.producer.{shard.replace('/', '-of-')}"

    def checkpoint(self, query: str) -> str:
        """HDFS folder of a query's checkpoint; the version changes with the query's shape."""
        return f"{self.hdfs_root}/checkpoints/{query}-v{CHECKPOINT_VERSIONS.get(query, 1)}"

    @property
    def candles_dir(self) -> str:
        """Absolute HDFS folder of the final candles: ``date=YYYY-MM-DD/…parquet`` below it."""
        return f"{self.hdfs_root}/candles"

    def candle_file(self, symbol: str, open_time_ms: int, revision: int) -> str:
        """Absolute HDFS path of one final candle; a repeated batch replaces it."""
        return (
            f"{self.candles_dir}/date={utc_date(open_time_ms)}/"
            f"{symbol}-{open_time_ms}-r{revision}.parquet"
        )

    @property
    def archive_dir(self) -> str:
        """Absolute HDFS folder of all trades: ``date=YYYY-MM-DD/hour=HH/…parquet`` below it."""
        return f"{self.hdfs_root}/trades"

    @property
    def markers_dir(self) -> str:
        """Absolute HDFS folder of all CLOSE and GAP records, laid out as the trades."""
        return f"{self.hdfs_root}/markers"

    @property
    def archive_csv_dir(self) -> str:
        """Absolute HDFS folder of the trades as CSV, laid out as the trades."""
        return f"{self.hdfs_root}/trades-csv"

    def fingerprint_file(self, query: str) -> str:
        """Absolute HDFS path of what a query's checkpoint was made by, beside the checkpoint."""
        return f"{self.checkpoint(query)}.fingerprint.json"

    def history_file(self, symbol: str) -> str:
        """Absolute HDFS path of a symbol's hourly history (layout ``SYMBOL-1h.parquet``)."""
        return f"{self.hdfs_root}/history/{symbol}-1h.parquet"

    def exogenous_file(self, name: str) -> str:
        """Absolute HDFS path of an hourly column from outside of the market."""
        return f"{self.hdfs_root}/exogenous/{name}-1h.parquet"

    def features_file(self, target_open_time_ms: int) -> str:
        """Absolute HDFS path of what the model saw for one target hour."""
        return (
            f"{self.hdfs_root}/features/date={utc_date(target_open_time_ms)}/"
            f"hour={target_open_time_ms}/features.parquet"
        )

    def forecast_file(self, target_open_time_ms: int, model_version: str) -> str:
        """Absolute HDFS path of one hour's forecasts by one model."""
        return (
            f"{self.hdfs_root}/forecasts/date={utc_date(target_open_time_ms)}/"
            f"{target_open_time_ms}-{model_version}.parquet"
        )

    @property
    def windows_dir(self) -> str:
        """Absolute HDFS folder of the training windows' snapshots."""
        return f"{self.hdfs_root}/windows"


def utc_date(epoch_ms: int) -> str:
    """Return the UTC date of an epoch time, ``YYYY-MM-DD``."""
    return utc_time(epoch_ms).strftime("%Y-%m-%d")


def utc_time(epoch_ms: int) -> datetime:
    """Return an aware UTC datetime, exact to the millisecond."""
    seconds, ms = divmod(epoch_ms, 1000)
    return datetime.fromtimestamp(seconds, tz=UTC).replace(microsecond=ms * 1000)


def epoch_ms(time: datetime) -> int:
    """Return epoch milliseconds of an aware datetime.

    Raises:
        ValueError: if the datetime is naive.
    """
    if time.tzinfo is None:
        message = f"{time!r} has no time zone; pass an aware UTC datetime"
        raise ValueError(message)
    whole = int(time.replace(microsecond=0).timestamp())
    return whole * 1000 + time.microsecond // 1000


def hour_open_ms(time_ms: int) -> int:
    """Return the open time of the hour that holds ``time_ms``."""
    return time_ms - time_ms % HOUR_MS
