"""Kafka rows of the topic `trades` → judged records, and these → rows of the archive's files.

Nothing is lost between the two: a record is kept as a trade or a marker, or it is rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.names import HOUR_MS
from conf.settings import CandleSettings
from streaming.archive.schema import MARKERS, TRADES
from streaming.trades.decode import RECORD_COLUMNS, decode_records
from streaming.trades.predicate import TIME_LIMIT_MS, TOO_OLD, rejection

OPEN_MS = "open_ms"
"""Column that says which hour's file a row goes to: its open time."""
TRADE_ORDER = ("symbol", "trade_id", "kafka_offset", "kafka_partition")
MARKER_ORDER = ("symbol", "trade_time", "kafka_offset", "kafka_partition")

# Longer than any time in the predicate's bounds: with it a record is judged by all but its age.
AGELESS_DAYS = 100_000
_COLUMNS = (*RECORD_COLUMNS, "event_time_ms", "source")


def judge_records(
    rows: DataFrame,
    candle: CandleSettings,
    *,
    schema_id: int,
    writers: Mapping[int, str],
    speed: float,
) -> DataFrame:
    """Return decoded records with `rejection` (null: kept) and `is_late`, beside Kafka's columns.

    Kafka's `value` stays only with the rejected ones, whose dead letter it becomes.

    A record that the candles query refuses for its age alone is late, not bad: it is kept.
    """
    ageless = candle.model_copy(update={"max_age_days": AGELESS_DAYS})
    judged = (
        decode_records(rows, schema_id, writers, _COLUMNS)
        .withColumn("rejection", rejection(ageless, speed))
        .withColumn("is_late", F.col("rejection").isNull() & (rejection(candle, speed) == TOO_OLD))
    )
    hour = F.col("trade_time_ms") - F.col("trade_time_ms") % HOUR_MS
    raw = F.when(F.col("rejection").isNotNull(), F.col("value"))
    return judged.withColumns({OPEN_MS: F.when(F.col("rejection").isNull(), hour), "value": raw})


def is_trade() -> Column:
    """Tell which judged records are trades that are kept."""
    return F.col("rejection").isNull() & (F.col("kind") == "TRADE")


def is_marker() -> Column:
    """Tell which judged records are CLOSE and GAP records that are kept."""
    return F.col("rejection").isNull() & (F.col("kind") != "TRADE")


def trade_rows(judged: DataFrame) -> DataFrame:
    """Return the rows of `schema.TRADES`, and `open_ms`."""
    columns = _common() | {
        "trade_id": F.col("trade_id"),
        "price": _decimal(F.col("price")),
        "quantity": _decimal(F.col("quantity")),
        "buyer_is_maker": F.col("buyer_is_maker"),
    }
    return _rows(judged.where(is_trade()), columns, TRADES.names)


def marker_rows(judged: DataFrame) -> DataFrame:
    """Return the rows of `schema.MARKERS`, and `open_ms`."""
    close, gap = F.col("close"), F.col("gap")
    columns = _common() | {
        "kind": F.col("kind"),
        "open_time_ms": F.coalesce(close.open_time_ms, F.col(OPEN_MS)),
        "witness": close.witness,
        "first_id": F.coalesce(close.first_trade_id, gap.first_id),
        "last_id": F.coalesce(close.last_trade_id, gap.last_id),
        "trades": close.trades,
        **{name: _decimal(close[name]) for name in ("open", "high", "low", "close")},
        "volume": close.volume,
        "quote_volume": close.quote_volume,
        "taker_buy_volume": close.taker_buy_volume,
        "taker_buy_quote_volume": close.taker_buy_quote_volume,
        "begins_at_id": close.begins_at_id,
        "reason": gap.reason,
    }
    return _rows(judged.where(is_marker()), columns, MARKERS.names)


def _common() -> dict[str, Column]:
    return {
        "symbol": F.col("symbol"),
        "trade_time": F.timestamp_millis("trade_time_ms"),
        # No rule of the candles looks at it: what is no time must not stop the query.
        "event_time": F.when(
            F.col("event_time_ms").between(0, TIME_LIMIT_MS), F.timestamp_millis("event_time_ms")
        ),
        "received_time": F.timestamp_millis("received_time_ms"),
        "source": F.col("source"),
        "kafka_partition": F.col("partition"),
        "kafka_offset": F.col("offset"),
    }


def _rows(records: DataFrame, columns: Mapping[str, Column], names: list[str]) -> DataFrame:
    return records.select(OPEN_MS, *(columns[name].alias(name) for name in names))


def _decimal(units: Column) -> Column:
    """Return a scaled 64-bit integer as decimal(20,8); any of them fits."""
    exact = units.cast("decimal(20,0)") * F.lit(Decimal("0.00000001"))
    return exact.cast("decimal(20,8)")
