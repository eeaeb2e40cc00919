"""The fan of simulated paths, half a year ahead. Prices are floats: they were simulated. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FanDay:
    """Quantiles of the simulated price so many days after the origin."""

    horizon_days: int
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float


@dataclass(frozen=True, slots=True)
class PathDay:
    """One sample path's price so many days after the origin."""

    path: int
    horizon_days: int
    price: float


@dataclass(frozen=True, slots=True)
class Fan:
    """One symbol's fan from one origin (UTC midnight); methods as in the table's check."""

    symbol: str
    origin: datetime
    last_close: float
    method: str
    written_at: datetime
    days: tuple[FanDay, ...]
    paths: tuple[PathDay, ...]


@dataclass(frozen=True, slots=True)
class DayClose:
    """A day's last close that there is; `time` is the day's end."""

    time: datetime
    close: float
