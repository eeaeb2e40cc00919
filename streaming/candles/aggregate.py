"""Records → one row per symbol and hour, exact, in update mode.

Every aggregate has a buffer of fixed width (no string, no struct): Spark then aggregates by hash,
about one and a half times as fast as by sorting. Quantities and notionals are summed as 64-bit
digits of base 10^9 (see `DIGIT`): exact like decimal(38), four times as fast, and no sum can
overflow before 10^9 records of an hour.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.trades import NEVER_EXISTED

# Quantity = q1 × 10^9 + q0 in units of 10^-8; notional = n3 … n0 in units of 10^-16.
DIGIT = 10**9
WITNESS_CODES = {"STREAM": 1, "REST": 2, "END": 3}

_WITNESS_IDS = ("first_trade_id", "last_trade_id", "trades")
_WITNESS_PRICES = ("open", "high", "low", "close")
_WITNESS_DECIMALS = {
    "volume": "decimal(38,8)",
    "quote_volume": "decimal(38,16)",
    "taker_buy_volume": "decimal(38,8)",
    "taker_buy_quote_volume": "decimal(38,16)",
}


def _div(value: Column) -> Column:
    return F.call_function("div", value, F.lit(DIGIT))


def _digits() -> dict[str, Column]:
    price, quantity = F.col("price"), F.col("quantity")
    price_1, price_0 = _div(price), price % DIGIT
    quantity_1, quantity_0 = _div(quantity), quantity % DIGIT
    # Each product of two digits is below 2^63; price_1 × quantity_1 by the bound on the notional.
    middle_a, middle_b, low = price_1 * quantity_0, price_0 * quantity_1, price_0 * quantity_0
    high = price_1 * quantity_1 + _div(middle_a) + _div(middle_b)
    return {
        "quantity_1": quantity_1,
        "quantity_0": quantity_0,
        "notional_3": _div(high),
        "notional_2": high % DIGIT,
        "notional_1": middle_a % DIGIT + middle_b % DIGIT + _div(low),
        "notional_0": low % DIGIT,
    }


def _trade_aggregates() -> list[Column]:
    taker_buys = ~F.col("buyer_is_maker")
    sums = []
    for name, value in _digits().items():
        sums.append(F.sum(value).alias(name))
        sums.append(F.sum(F.when(taker_buys, value)).alias(f"taker_{name}"))
    return [
        F.min_by("price", "trade_id").alias("open"),
        F.max("price").alias("high"),
        F.min("price").alias("low"),
        F.max_by("price", "trade_id").alias("close"),
        *sums,
        F.count("trade_id").alias("trades"),
        F.min("trade_id").alias("first_trade_id"),
        F.max("trade_id").alias("last_trade_id"),
        F.count_if("time_fell").alias("time_falls"),
    ]


def _only(condition: str, aggregates: Mapping[str, str]) -> list[Column]:
    """Return aggregates, by name, over the rows of a condition: others cost nothing."""
    return [
        F.expr(f"{function} FILTER (WHERE {condition})").alias(name)
        for name, function in aggregates.items()
    ]


def _witness_aggregates() -> list[Column]:
    codes = " ".join(f"WHEN '{name}' THEN {code}" for name, code in WITNESS_CODES.items())
    decimals = {
        name: f"try_cast(close.{name} AS {kind})" for name, kind in _WITNESS_DECIMALS.items()
    }
    figures = [f"close.{name}" for name in _WITNESS_IDS + _WITNESS_PRICES]
    # Two witnesses that say different things show as two digests; END says nothing.
    digest = f"xxhash64({', '.join([*figures, *decimals.values()])})"
    digest = f"CASE WHEN close.witness != 'END' THEN {digest} END"
    return _only(
        "close IS NOT NULL",
        {
            "closes": "count(1)",
            "w_witness": f"min(CASE close.witness {codes} END)",
            "w_digest_low": f"min({digest})",
            "w_digest_high": f"max({digest})",
            **{f"w_{name}": f"max(close.{name})" for name in _WITNESS_IDS + _WITNESS_PRICES},
            **{f"w_{name}": f"max({value})" for name, value in decimals.items()},
            "begins_at_id": "max(close.begins_at_id)",
        },
    )


def _gap_aggregates() -> list[Column]:
    """Return the ids that are missed, and those that REST proved never to exist.

    A range of which nobody knows to which hour it belongs comes once for each hour that it may
    touch: both are upper bounds.
    """
    ids = "sum(gap.last_id - gap.first_id + 1)"
    is_absent = f"coalesce(startswith(gap.reason, '{NEVER_EXISTED}'), false)"
    return [
        *_only(f"gap IS NOT NULL AND NOT {is_absent}", {"gap_ids": ids}),
        *_only(f"gap IS NOT NULL AND {is_absent}", {"absent_ids": ids}),
    ]


def aggregate_hours(records: DataFrame, watermark_days: int) -> DataFrame:
    """Return one row per symbol and hour (column `hour`, UTC) of good records.

    Open and close are by trade id, never by arrival. A row with `closes` > 0 is final. `records`
    counts what the hour is made of: trades, CLOSE and GAP records.

    Args:
        records: rows of `hours.judged_records`; those with a reason are left out.
        watermark_days: how long an hour's state is kept. The watermark is on the very column
            that is grouped by: state grouped by a bare integer is never evicted.
    """
    return (
        # The filter after the watermark, which does not look at nulls: one copy of each row less. It asks
        # for the reason, too, though `hour` says it all: a column that nobody asks for any more would be
        # taken out after the counting, by a copy of each row.
        records.withWatermark("hour", f"{watermark_days} days")
        .where(F.when(F.col("rejection").isNull(), F.col("hour")).isNotNull())
        .groupBy("symbol", "hour")
        .agg(
            F.count(F.lit(1)).alias("records"),
            *_trade_aggregates(),
            *_witness_aggregates(),
            *_gap_aggregates(),
        )
        .withColumn("open_time_ms", F.unix_millis("hour"))
        .drop("hour")
    )
