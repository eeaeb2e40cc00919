"""The fan for now, from frames to frames: what a caller writes where the dashboard reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from conf.names import HOUR_MS
from model.projection.days import make_days
from model.projection.fan import Projector
from model.projection.frames import fan_frame, midnight, sample_frame
from model.projection.settings import ProjectionSettings

COLUMNS = ("symbol", "open_time", "close")


@dataclass(frozen=True)
class Projection:
    """The newest fan.

    Attributes:
        origin: UTC midnight after the last whole day.
        rows: see `fan_frame`; key: symbol, origin, horizon_days. Deterministic: the same hours and seed
            give the same rows, so that a repeated write replaces them by themselves.
        samples: see `sample_frame`; key: symbol, origin, path, horizon_days.
        left_out: coins of the hours without a fan: no close at the end of that day, or too few days.
    """

    origin: pd.Timestamp
    rows: pd.DataFrame
    samples: pd.DataFrame
    left_out: tuple[str, ...]


def project(
    hours: pd.DataFrame,
    seed: int,
    settings: ProjectionSettings | None = None,
    symbols: Sequence[str] | None = None,
) -> Projection:
    """Return the fan from the last midnight that the hours reach.

    Args:
        hours: columns symbol, open_time (aware), close (quote units; one that is no positive number
            counts as absent), one row per symbol and hour, in any order; the whole past of all
            coins, of which about four years count.
        seed: of all randomness.
        settings: of the simulation.
        symbols: coins to project; all of them if not given. The others' past counts either way.

    Raises:
        ValueError: if a column is missing, times are naive, no full hours or there twice, or the hours
            hold less than two whole days of a volatile coin.
    """
    settings = settings or ProjectionSettings()
    days = make_days(_panel(hours), sorted(set(hours["symbol"].astype(str))))
    fan = Projector(days, settings).fan(days.next_origin, seed, symbols)
    rows = fan_frame(fan)
    asked = days.symbols if symbols is None else tuple(sorted(set(symbols)))
    left_out = tuple(symbol for symbol in asked if symbol not in fan.symbols)
    return Projection(midnight(fan.origin), rows, sample_frame(fan), left_out)


def _panel(hours: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in COLUMNS if name not in hours.columns]
    if missing:
        message = f"hours without {', '.join(missing)}; they need {', '.join(COLUMNS)}"
        raise ValueError(message)
    if getattr(hours["open_time"].dtype, "tz", None) is None:
        message = "open_time has no time zone: give aware UTC times"
        raise ValueError(message)
    panel = pd.DataFrame(
        {
            "symbol": hours["symbol"].astype(str),
            "open_time_ms": hours["open_time"].dt.as_unit("ms").astype("int64"),
            "close": hours["close"].astype("float64"),
        }
    )
    if (panel["open_time_ms"] % HOUR_MS).any():
        message = "open_time is no full hour in some rows: give hourly closes"
        raise ValueError(message)
    if panel.duplicated(["symbol", "open_time_ms"]).any():
        message = "some hours of a symbol are there twice: give each once"
        raise ValueError(message)
    return panel.assign(is_valid=panel["close"] > 0)
