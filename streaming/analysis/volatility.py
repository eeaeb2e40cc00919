"""Days → rolling volatility of hourly log-returns. Pure: frames in, frames out."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.names import DAY_HOURS

YEAR_HOURS = 365 * DAY_HOURS
"""The market never closes."""

WINDOWS = {"24h": 1, "7d": 7, "30d": 30}
"""UTC days of each window, the last one being the row's own."""


def annualised(squares: Column, returns: Column) -> Column:
    """Return √ (8760 · Σ r² / n): the root mean square of hourly log-returns, a year's worth of it.

    The mean is not taken off: over an hour it is a hundredth of the deviation. Hours that are not there
    count neither above nor below the line.
    """
    return F.sqrt(squares / returns * YEAR_HOURS)


def rolling_volatility(days: DataFrame) -> DataFrame:
    """Return one row per symbol and day that is there.

    Args:
        days: as `make_days` returns them.

    Returns:
        `symbol`, `day`, and for each of `WINDOWS` the `returns_…` known in it and the annualised
        `volatility_…`, null where fewer than half of its hours have a return.
    """
    columns = []
    for name, length in WINDOWS.items():
        window = Window.partitionBy("symbol").orderBy("day").rangeBetween(1 - length, 0)
        returns = F.sum("returns").over(window)
        is_enough = returns * 2 >= length * DAY_HOURS
        value = F.when(is_enough, annualised(F.sum("squares").over(window), returns))
        columns += [returns.alias(f"returns_{name}"), value.alias(f"volatility_{name}")]
    return days.select("symbol", "day", *columns)
