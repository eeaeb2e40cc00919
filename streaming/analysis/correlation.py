"""Days → correlation of hourly log-returns between coins, rolling and whole. Pure: frames in, frames out."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import Column, DataFrame, Window, WindowSpec
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.names import DAY_HOURS
from streaming.analysis.periods import RETURNS
from streaming.analysis.sums import total

ROLLING_DAYS = 30
LEAST_RETURNS = ROLLING_DAYS * DAY_HOURS // 2
"""Common hours below which nothing is said: half of the rolling window's. The standard error of a
correlation near 0 is then 0.05."""

ROLLING, WHOLE = "30d", "whole"
_KEYS = ("symbol_a", "symbol_b", "day")
_SUMS = ("returns", "x", "y", "xx", "yy", "xy")
_STILL = 1e-12
"""Share of n · Σ x² below which n · Σ x² − (Σ x)² is nothing but rounding: the coin did not move."""


def correlations(days: DataFrame) -> DataFrame:
    """Return Pearson's correlation of each two coins, over the hours in which both have a return.

    Args:
        days: as `make_days` returns them.

    Returns:
        `span`, `symbol_a` < `symbol_b`, `day`, `returns` in common, and `correlation`, null where a coin
        did not move. `ROLLING` is over the last 30 UTC days up to and with `day`, a row for each day
        that both have; `WHOLE` over all of them, one row, at the last. No row with fewer than
        `LEAST_RETURNS`.
    """
    by_day = Window.partitionBy("symbol_a", "symbol_b").orderBy("day")
    rolling = by_day.rangeBetween(1 - ROLLING_DAYS, 0)
    whole = by_day.rowsBetween(Window.unboundedPreceding, Window.unboundedFollowing)
    is_last = F.col("day") == F.max("day").over(whole)
    return (
        pair_days(days)
        .select(
            *_KEYS,
            _sums(ROLLING, rolling).alias("rolling"),
            F.when(is_last, _sums(WHOLE, whole)).alias("whole"),
        )
        .select(*_KEYS, F.explode(F.array("rolling", "whole")).alias("sums"))
        .select(*_KEYS, "sums.*")
        .where(F.col("returns") >= LEAST_RETURNS)
        .select(*_KEYS, "span", "returns", _pearson().alias("correlation"))
    )


def pair_days(days: DataFrame) -> DataFrame:
    """Return one row per two coins and day that both have: `returns` in common and sums over these.

    Args:
        days: as `make_days` returns them.

    Returns:
        `symbol_a` < `symbol_b`, `day`, `returns`, and `x`, `y`, `xx`, `yy`, `xy` of the first (x) and the
        second (y).
    """
    first = days.select(F.col("symbol").alias("symbol_a"), "day", *RETURNS).alias("a")
    second = days.select(F.col("symbol").alias("symbol_b"), "day", *RETURNS).alias("b")
    terms: dict[str, Callable[[Column, Column], Column]] = {
        "returns": lambda x, y: F.when(x.isNotNull() & y.isNotNull(), 1.0),
        "x": lambda x, y: F.when(y.isNotNull(), x),
        "y": lambda x, y: F.when(x.isNotNull(), y),
        "xx": lambda x, y: F.when(y.isNotNull(), x * x),
        "yy": lambda x, y: F.when(x.isNotNull(), y * y),
        "xy": lambda x, y: x * y,
    }
    sums = [
        total(term(F.col(f"a.{hour}"), F.col(f"b.{hour}")) for hour in RETURNS).alias(name)
        for name, term in terms.items()
    ]
    both = first.join(second, "day").where("symbol_a < symbol_b")
    return both.select(*_KEYS, *sums)


def _sums(span: str, window: WindowSpec) -> Column:
    sums = (F.sum(name).over(window).alias(name) for name in _SUMS)
    return F.struct(F.lit(span).alias("span"), *sums)


def _pearson() -> Column:
    n, x, y, xx, yy, xy = map(F.col, _SUMS)
    spread_x, spread_y = n * xx - x * x, n * yy - y * y
    moved = (spread_x > _STILL * n * xx) & (spread_y > _STILL * n * yy)
    value = (n * xy - x * y) / F.sqrt(spread_x * spread_y)
    # Rounding may leave 1.0000000000000002.
    return F.when(moved, F.greatest(F.lit(-1.0), F.least(F.lit(1.0), value)))
