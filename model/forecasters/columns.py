"""Columns of the rows by the names of `model.feature_spec`, and the flat table made of them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from conf.names import DAY_MS
from model.dataset import Windows
from model.feature_spec import CONTEXT_HOURS, SEQUENCE_NAMES, STATIC_NAMES

Floats = npt.NDArray[np.float64]

OWN_LAGS = 24
OTHERS_LAGS = 4


class Column(NamedTuple):
    """A feature of a row.

    Attributes:
        name: of `SEQUENCE_NAMES` or `STATIC_NAMES`.
        lag: hours before the last known hour; 0 for a static feature.
    """

    name: str
    lag: int = 0


RETURN_LAGS = tuple(Column("own_return", lag) for lag in range(OWN_LAGS))

COLUMNS = (
    *RETURN_LAGS,
    *(Column(name, lag) for name in ("market_return", "lead_return") for lag in range(OTHERS_LAGS)),
    *(Column(name) for name in ("range", "close_location", "volume_z")),
    *(Column(name) for name in STATIC_NAMES),
)
"""What models without a memory see of a row, coin-pooled: the groups of the ablation in which
each had its part (own lags, other coins, bar shape, volume, volatility, momentum, calendar).
"""


def column(rows: Windows, which: Column) -> Floats:
    """Return (rows,) of a feature.

    Raises:
        ValueError: if there is no such feature or the sequence is not that long.
    """
    if which.name in STATIC_NAMES:
        values = rows.inputs["static"][:, STATIC_NAMES.index(which.name)]
    elif which.name in SEQUENCE_NAMES and 0 <= which.lag < CONTEXT_HOURS:
        step = CONTEXT_HOURS - 1 - which.lag
        values = rows.inputs["sequence"][:, step, SEQUENCE_NAMES.index(which.name)]
    else:
        message = f"a row has no feature {which.name!r} {which.lag} h before its last hour"
        raise ValueError(message)
    result: Floats = values.astype(np.float64)
    return result


def recent_returns(rows: Windows, days: int, least_hours: int) -> dict[str, Floats]:
    """Return coin → its known log-returns of the last days, the latest last; of coins with enough.

    Args:
        rows: training rows, ordered by hour.
        days: before the newest row of any coin.
        least_hours: a coin with fewer is left out.
    """
    since = int(rows.open_time_ms.max()) - days * DAY_MS
    recent = (rows.open_time_ms > since) & np.isfinite(rows.z)
    found = {}
    for symbol in sorted({str(symbol) for symbol in rows.symbols.tolist()}):
        own = recent & (rows.symbols == symbol)
        if own.sum() >= least_hours:
            found[symbol] = rows.z[own] * rows.sigma[own]
    return found


def exogenous(rows: Windows) -> Floats:
    """Return (rows, 2 × columns) of the exogenous columns' values and masks; no columns without any."""
    static = rows.inputs["static"]
    extra: Floats = static[:, len(STATIC_NAMES) :].astype(np.float64)
    return extra


def table(rows: Windows, columns: Sequence[Column] = COLUMNS) -> Floats:
    """Return (rows, columns), each column contiguous."""
    out = np.empty((len(rows.z), len(columns)), order="F")
    for index, which in enumerate(columns):
        out[:, index] = column(rows, which)
    return out


def table_with_coin(rows: Windows) -> npt.NDArray[np.float32]:
    """Return the flat table, exogenous columns, and the coin's index as last column, for trees."""
    coin = rows.inputs["coin"].astype(np.float64)
    features: npt.NDArray[np.float32] = np.concatenate(
        [table(rows), exogenous(rows), coin[:, None]], axis=1, dtype=np.float32
    )
    return features
