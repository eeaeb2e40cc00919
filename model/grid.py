"""A long panel of hours as arrays (hour, coin) without holes, for the features. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.names import HOUR_MS
from model.exogenous import PREFIX

PRICES = ("open", "high", "low", "close", "volume")

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Grid:
    """Arrays (hour, coin) over all hours from the first lookback to one after the last hour asked.

    Attributes:
        open_ms: open time of each hour of the grid, UTC epoch ms.
        rows: position in the grid of each hour asked for.
        hour_of_day: UTC hour of each hour of the grid.
        present: the panel has this hour.
        valid: present, trustworthy and with a positive close.
        known: `valid` as 0.0 or 1.0.
        close: quote units, NaN where not valid.
        log_close: natural logarithm, 0 where not valid.
        returns: log-return since the hour before, or since its own open where that hour is not
            valid; 0 where not valid.
        ranges: log(high / low), 0 where unknown.
        locations: where the close lies between low (-1) and high (1), 0 where unknown.
        volumes: log(1 + volume), 0 where unknown.
        exogenous: by name, the values of that column, NaN where there is none.
    """

    open_ms: Ints
    rows: Ints
    hour_of_day: Ints
    present: Flags
    valid: Flags
    known: Floats
    close: Floats
    log_close: Floats
    returns: Floats
    ranges: Floats
    locations: Floats
    volumes: Floats
    exogenous: Mapping[str, Floats]


def build_grid(
    panel: pd.DataFrame,
    symbols: Sequence[str],
    at: Ints,
    lookback: int,
    exogenous: Sequence[str] = (),
) -> Grid:
    """Return the grid of the hours `at` with `lookback` hours before the first and one after the last.

    Args:
        panel: see `model.features.build_rows`; hours outside the grid and other symbols are ignored.
        symbols: order of the coins.
        at: open times, UTC epoch ms.
        lookback: hours before the first.
        exogenous: names of columns `x_NAME`; one that the panel lacks has no values.

    Raises:
        ValueError: if `at` is empty, a time opens no hour, or the panel holds an hour twice.
    """
    if len(at) == 0 or (at % HOUR_MS).any():
        message = "hours must be one or more open times of hours in UTC epoch ms"
        raise ValueError(message)
    first = int(at.min()) - lookback * HOUR_MS
    count = (int(at.max()) - first) // HOUR_MS + 2
    open_ms = first + HOUR_MS * np.arange(count, dtype=np.int64)
    present, trusted, price = _fill(panel, symbols, first, count, exogenous)
    close = price["close"]
    valid = present & trusted & (np.nan_to_num(close) > 0)
    log_close = _log(close, valid)
    return Grid(
        open_ms=open_ms,
        rows=(at - first) // HOUR_MS,
        hour_of_day=(open_ms // HOUR_MS) % 24,
        present=present,
        valid=valid,
        known=valid.astype(np.float64),
        close=np.where(valid, close, np.nan),
        log_close=log_close,
        returns=_returns(log_close, price["open"], valid),
        ranges=_ranges(price["high"], price["low"], valid),
        locations=_locations(price, valid),
        volumes=_volumes(price["volume"], valid),
        exogenous={name: price[PREFIX + name] for name in exogenous},
    )


def _fill(
    panel: pd.DataFrame,
    symbols: Sequence[str],
    first: int,
    count: int,
    exogenous: Sequence[str],
) -> tuple[Flags, Flags, dict[str, Floats]]:
    open_ms = panel["open_time_ms"].to_numpy(dtype=np.int64)
    coins = pd.Index(symbols).get_indexer(pd.Index(panel["symbol"]))
    hours = (open_ms - first) // HOUR_MS
    inside = (coins >= 0) & (hours >= 0) & (hours < count)
    if (open_ms[inside] % HOUR_MS).any():
        message = "the panel holds a time that opens no hour"
        raise ValueError(message)
    hours, coins = hours[inside], coins[inside]
    if len(np.unique(hours * len(symbols) + coins)) != len(hours):
        message = "the panel holds an hour of a symbol twice; keep the newest revision"
        raise ValueError(message)
    shape = (count, len(symbols))
    present, trusted = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    present[hours, coins] = True
    trusted[hours, coins] = panel["is_valid"].to_numpy(dtype=bool)[inside]
    price: dict[str, Floats] = {}
    for name in (*PRICES, *(PREFIX + one for one in exogenous)):
        price[name] = np.full(shape, np.nan)
        if name in panel:
            values = panel[name].to_numpy(dtype=np.float64, na_value=np.nan)
            price[name][hours, coins] = values[inside]
    return present, trusted, price


def _positive(values: Floats, valid: Flags) -> Flags:
    positive: Flags = valid & np.isfinite(values) & (np.nan_to_num(values) > 0)
    return positive


def _log(values: Floats, where: Flags) -> Floats:
    logarithms: Floats = np.log(np.where(where, values, 1.0))
    return logarithms


def _returns(log_close: Floats, open_: Floats, valid: Flags) -> Floats:
    opened = _positive(open_, valid)
    inside_hour = np.where(opened, log_close - _log(open_, opened), 0.0)
    returns = np.zeros_like(log_close)
    returns[1:] = np.where(valid[:-1], log_close[1:] - log_close[:-1], inside_hour[1:])
    returns[0] = inside_hour[0]
    return np.where(valid, returns, 0.0)


def _ranges(high: Floats, low: Floats, valid: Flags) -> Floats:
    known = _positive(high, valid) & _positive(low, valid)
    return np.where(known, _log(high, known) - _log(low, known), 0.0)


def _locations(price: dict[str, Floats], valid: Flags) -> Floats:
    high, low, close = price["high"], price["low"], price["close"]
    known = _positive(high, valid) & _positive(low, valid) & (np.nan_to_num(high - low) > 0)
    span = np.where(known, high - low, 1.0)
    return np.where(known, 2.0 * (np.where(known, close - low, 0.0) / span) - 1.0, 0.0)


def _volumes(volume: Floats, valid: Flags) -> Floats:
    known = valid & np.isfinite(volume) & (np.nan_to_num(volume) > 0)
    return np.where(known, np.log(np.where(known, volume, 0.0) + 1.0), 0.0)
