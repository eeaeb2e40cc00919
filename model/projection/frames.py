"""A fan as frames: rows of quantiles, rows of sample paths. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.names import DAY_MS
from model.projection.fan import Fan
from model.projection.settings import LEVELS

QUANTILES = tuple(f"q{round(100 * level):02d}" for level in LEVELS)


def fan_frame(fan: Fan) -> pd.DataFrame:
    """Return one row per symbol and day, ordered so.

    Returns:
        symbol; origin (UTC midnight); horizon_days (1 …: the price h days after the origin, the close
        of the day that ends then); q05 q25 q50 q75 q95 and last_close in quote units; method.
    """
    coins, horizon, _ = fan.quantiles.shape
    columns = {
        **_keys(fan, horizon),
        "horizon_days": np.tile(np.arange(1, horizon + 1), coins),
        **dict(zip(QUANTILES, fan.quantiles.reshape(-1, len(LEVELS)).T, strict=True)),
        "last_close": np.repeat(fan.last_close, horizon),
        "method": np.repeat(np.array(fan.methods, dtype=object), horizon),
    }
    return pd.DataFrame(columns)


def sample_frame(fan: Fan) -> pd.DataFrame:
    """Return one row per symbol, path and day, ordered so.

    Returns:
        symbol; origin (UTC midnight); path (0 …, the same number is the same simulated world for all
        coins); horizon_days; price in quote units.
    """
    coins, horizon, paths = fan.samples.shape
    columns = {
        **_keys(fan, horizon * paths),
        "path": np.tile(np.repeat(np.arange(paths), horizon), coins),
        "horizon_days": np.tile(np.arange(1, horizon + 1), coins * paths),
        "price": np.moveaxis(fan.samples, 2, 1).ravel(),
    }
    return pd.DataFrame(columns)


def midnight(day: int) -> pd.Timestamp:
    """Return the UTC midnight that begins a day since 1970-01-01."""
    return pd.Timestamp(day * DAY_MS, unit="ms", tz="UTC").as_unit("ms")


def _keys(fan: Fan, rows: int) -> dict[str, npt.NDArray[np.object_] | pd.DatetimeIndex]:
    symbols = np.repeat(np.array(fan.symbols, dtype=object), rows)
    return {
        "symbol": symbols,
        "origin": pd.DatetimeIndex(
            [midnight(fan.origin)] * len(symbols), dtype="datetime64[ms, UTC]"
        ),
    }
