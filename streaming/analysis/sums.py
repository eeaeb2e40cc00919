"""Sums that do not depend on the order of rows: equal input gives equal tables to the last bit.

A sum of doubles does, and Spark's order of rows is whatever its tasks were ready with. So sums over rows
are made of decimals, and sums of doubles only along the columns of one row.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

MONEY = "decimal(38,8)"
"""Prices, volumes and their sums: no symbol of the exchange has more than 8 decimals."""
_DIGITS = 1e12
"""Ratios are summed as whole numbers of 10^-12: exact, and several times as fast as decimals."""


def exact_mean(ratio: Column) -> Column:
    """Return an aggregate: the mean of the ratios that are known, as a double; null without any.

    Args:
        ratio: rounded to 12 decimals; the sum of all is to stay below 9 million.
    """
    return F.sum(F.rint(ratio * _DIGITS).cast("bigint")) / F.count(ratio) / _DIGITS


def total(values: Iterable[Column]) -> Column:
    """Return the sum of a row's values that are known, from the first to the last; 0 without any."""
    return reduce(operator.add, (F.coalesce(value, F.lit(0.0)) for value in values))
