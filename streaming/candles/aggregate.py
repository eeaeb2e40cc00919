"""Records → one row per symbol and hour, exact, in update mode.

Every aggregate's buffer is numbers of 64 bits at most: with a string or struct Spark would aggregate by
sorting, with a decimal(38) by the slower of its two hash maps. Quantities and notionals are summed as
digits of base 10^9 (see `DIGIT`): exact like decimal(38), four times as fast, and no sum can
overflow before 10^9 records of an hour.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.trades import NEVER_EXISTED
from streaming.candles.verdict import (
    DIGIT,
    PRICES,
    WITNESS_AMOUNTS,
    WITNESS_HALF,
    WITNESS_IDS,
    WITNESS_PRECISION,
    WITNESSES,
)

# A trade is on one side, and the hour is the sum of both: half the work of sums over all trades beside sums
# over one side.
SIDES = {"taker_buy": "NOT buyer_is_maker", "taker_sell": "buyer_is_maker"}


def _digits() -> dict[str, str]:
    """Return SQL for the digits of a trade's quantity (10^-8) and notional (10^-16), by name.

    The highest digit of the notional may be larger than the base: it is below 10^10 by the bound on a
    trade's notional (`CandleSettings.max_notional`).
    """
    price_1, quantity_1 = f"(price div {DIGIT})", f"(quantity div {DIGIT})"
    price_0, quantity_0 = f"(price % {DIGIT})", f"(quantity % {DIGIT})"
    # Each product of two digits is below 2^63; price_1 × quantity_1 by the bound on the notional.
    middle_a, middle_b = f"({price_1} * {quantity_0})", f"({price_0} * {quantity_1})"
    low = f"({price_0} * {quantity_0})"
    return {
        "quantity_1": quantity_1,
        "quantity_0": quantity_0,
        "notional_2": f"{price_1} * {quantity_1} + {middle_a} div {DIGIT} + {middle_b} div {DIGIT}",
        "notional_1": f"{middle_a} % {DIGIT} + {middle_b} % {DIGIT} + {low} div {DIGIT}",
        "notional_0": f"{low} % {DIGIT}",
    }


def _trade_aggregates() -> list[Column]:
    digits = _digits()
    sums: list[Column] = []
    for side, condition in SIDES.items():
        sums += _only(
            condition, {f"{side}_{name}": f"sum({value})" for name, value in digits.items()}
        )
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
    codes = " ".join(f"WHEN '{name}' THEN {code}" for code, name in WITNESSES.items())
    amounts = {
        name: f"try_cast(close.{name} AS decimal({WITNESS_PRECISION},{scale}))"
        for name, scale in WITNESS_AMOUNTS.items()
    }
    figures = [f"close.{name}" for name in WITNESS_IDS + PRICES]
    # Two witnesses that say different things show as two digests; END says nothing.
    digest = f"xxhash64({', '.join([*figures, *amounts.values()])})"
    digest = f"CASE WHEN close.witness != 'END' THEN {digest} END"
    return _only(
        "close IS NOT NULL",
        {
            "closes": "count(1)",
            "w_witness": f"min(CASE close.witness {codes} END)",
            "w_digest_low": f"min({digest})",
            "w_digest_high": f"max({digest})",
            **{f"w_{name}": f"max(close.{name})" for name in WITNESS_IDS + PRICES},
            **_witness_halves(amounts),
            "begins_at_id": "max(close.begins_at_id)",
        },
    )


def _witness_halves(amounts: Mapping[str, str]) -> dict[str, str]:
    """Return aggregates of amounts in units of their scale: each as two digits of base `WITNESS_HALF`."""
    halves = {}
    for name, amount in amounts.items():
        unit = 10 ** WITNESS_AMOUNTS[name]
        border = WITNESS_HALF // unit
        halves[f"w_{name}_1"] = f"max({amount} div {border})"
        halves[f"w_{name}_0"] = f"max(CAST({amount} % {border} * {unit} AS bigint))"
    return halves


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
