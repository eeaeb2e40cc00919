"""The run, its clock and the symbols that it follows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from conf.exchange_time import Sighting, exchange_now


@dataclass(frozen=True, slots=True)
class RunInfo:
    """Where the prices come from; `speed` is exchange seconds per wall second."""

    namespace: str
    venue: str
    source_label: str
    speed: float
    started_at: datetime


@dataclass(frozen=True, slots=True)
class RunState:
    """The run now: `wall_now` is Postgres' own clock, so that viewers' clocks do not matter."""

    info: RunInfo | None
    wall_now: datetime
    newest_open_time: datetime | None
    newest_update: datetime | None
    sightings: tuple[Sighting, ...]

    @property
    def exchange_now(self) -> datetime | None:
        """Return the exchange's time, as near as the rows tell; None where they do not."""
        speed = self.info.speed if self.info else 1.0
        return exchange_now(self.sightings, self.wall_now, speed, self.data_age)

    @property
    def data_age(self) -> timedelta | None:
        """Return the wall age of the newest candle row."""
        return None if self.newest_update is None else self.wall_now - self.newest_update


@dataclass(frozen=True, slots=True)
class SymbolInfo:
    """One followed symbol."""

    symbol: str
    base_asset: str
    status: str
    tick_size: Decimal
