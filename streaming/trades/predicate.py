"""Which records may enter a candle: the one predicate of the candles and the archive query.

An expression over the columns of `decode.decode_records`: no clock, no state, so every reader of the
topic comes to the same answer for the same bytes.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.trades import SCALE
from conf.names import DAY_MS, HOUR_MS
from conf.settings import CandleSettings
from streaming.trades.decode import UNKNOWN_SCHEMA_COLUMN

MALFORMED = "malformed"
UNKNOWN_SCHEMA = "unknown_schema"
FUTURE = "future"
TOO_OLD = "too_old"
REASONS = (MALFORMED, UNKNOWN_SCHEMA, FUTURE, TOO_OLD)

# Later than the year 2200: such a number is no time in ms, and arithmetic on it may overflow.
TIME_LIMIT_MS = 7_258_118_400_000
# No exchange has numbered so many trades; sums of gaps stay far inside 64 bit.
ID_LIMIT = 10**12


def _outside(column: Column, limit: int) -> Column:
    return column.isNull() | (column < 0) | (column >= limit)


def _has_trade_fields() -> Column:
    fields = (F.col(name) for name in ("trade_id", "price", "quantity", "buyer_is_maker"))
    return reduce(or_, (field.isNotNull() for field in fields), F.col("time_fell"))


def _bad_trade(max_notional: float) -> Column:
    price, quantity = F.col("price"), F.col("quantity")
    # In doubles: the product of two 64-bit integers overflows, and the bound need not be sharp.
    notional = price.cast("double") * quantity.cast("double")
    return (
        _outside(F.col("trade_id"), ID_LIMIT)
        | F.col("close").isNotNull()
        | F.col("gap").isNotNull()
        | price.isNull()
        | quantity.isNull()
        | F.col("buyer_is_maker").isNull()
        | (price <= 0)
        | (quantity < 0)
        | (notional > max_notional)
    )


def _bad_close() -> Column:
    close = F.col("close")
    hour = F.col("trade_time_ms") - F.col("trade_time_ms") % HOUR_MS
    return (
        close.isNull()
        | F.col("gap").isNotNull()
        | _has_trade_fields()
        | close.open_time_ms.isNull()
        | (close.open_time_ms != hour)
        | close.witness.isNull()
        | ~close.witness.isin("STREAM", "REST", "END")
    )


def _bad_gap() -> Column:
    gap = F.col("gap")
    return (
        gap.isNull()
        | F.col("close").isNotNull()
        | _has_trade_fields()
        | _outside(gap.first_id, ID_LIMIT)
        | _outside(gap.last_id, ID_LIMIT)
        | (gap.first_id > gap.last_id)
    )


def rejection(settings: CandleSettings, speed: float) -> Column:
    """Return the reason why a record may not enter a candle, null if it may.

    `malformed`: not a record of the contract, or one that has fields of another kind, too. `unknown_schema`: of a schema that was not known when
    the query started. `future`: its time lies later than its receipt, by the exchange's clock, than
    clock errors explain. `too_old`: so old that the watermark might drop it without a word.

    Args:
        settings: bounds; see `CandleSettings`.
        speed: exchange seconds per wall second; clock errors grow with it.
    """
    kind = F.col("kind")
    time, received = F.col("trade_time_ms"), F.col("received_time_ms")
    units = 10.0 ** (2 * SCALE)
    tolerance = int(settings.future_tolerance_ms * speed)
    undecoded = F.when(F.col(UNKNOWN_SCHEMA_COLUMN), UNKNOWN_SCHEMA).otherwise(MALFORMED)
    malformed = F.col("symbol").isNull() | (F.col("symbol") == "")
    # One branch after the other: the arithmetic of a later one is safe because of the earlier.
    return (
        F.when(kind.isNull(), undecoded)
        .when(malformed, MALFORMED)
        .when(_outside(time, TIME_LIMIT_MS) | _outside(received, TIME_LIMIT_MS), MALFORMED)
        .when(time > received + tolerance, FUTURE)
        .when(time < received - settings.max_age_days * DAY_MS, TOO_OLD)
        .when(
            kind == "TRADE",
            F.when(_bad_trade(float(settings.max_notional) * units), MALFORMED),
        )
        .when(kind == "CLOSE", F.when(_bad_close(), MALFORMED))
        .when(kind == "GAP", F.when(_bad_gap(), MALFORMED))
        .otherwise(MALFORMED)
    )


def rejection_counts() -> list[Column]:
    """Return one aggregate per reason, named by it, over rows with the column `rejection`."""
    return [F.count(F.when(F.col("rejection") == reason, 1)).alias(reason) for reason in REASONS]
