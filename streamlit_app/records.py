"""What the pages show, as frozen records. Times are aware UTC, prices exact decimals. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

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


@dataclass(frozen=True, slots=True)
class CandleRow:
    """The current revision of one hour of one symbol; `verdict` is None while it is running."""

    symbol: str
    open_time: datetime
    revision: int
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal | None
    trades: int | None
    status: str
    verdict: str | None
    reason: str | None
    source: str
    updated_at: datetime

    @property
    def is_final(self) -> bool:
        """Tell whether the hour is closed."""
        return self.status == "final"


@dataclass(frozen=True, slots=True)
class ForecastRow:
    """One live forecast of the close of the hour that opens at `target_open_time`, or a refusal."""

    symbol: str
    target_open_time: datetime
    model_version: str
    issued_at: datetime
    last_close: Decimal | None
    q05: Decimal | None
    q25: Decimal | None
    q50: Decimal | None
    q75: Decimal | None
    q95: Decimal | None
    is_fallback: bool
    refusal_reason: str | None
    written_at: datetime

    @property
    def closes_at(self) -> datetime:
        """Return the time whose price is forecast."""
        return self.target_open_time + timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class CoinNow:
    """One row of the overview. `strip` holds the final hours that there are, oldest first."""

    info: SymbolInfo
    newest: CandleRow | None
    last_final: CandleRow | None
    forecast: ForecastRow | None
    strip: tuple[CandleRow, ...]


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model version with its validation against the EWMA baseline."""

    version: str
    status: str
    created_at: datetime
    trained_from: datetime
    trained_until: datetime
    train_rows: int
    val_pinball: float
    ewma_pinball: float
    val_rmae: float
    fit_seconds: float
    hours_served: int
    last_served: datetime | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """State and last progress report of one query or job."""

    job: str
    state: str
    detail: dict[str, Any]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """Something that happened to the feed, in exchange time; kinds in `conf.contracts.incidents`."""

    kind: str
    producer: str | None
    symbol: str | None
    first_id: int | None
    last_id: int | None
    started_at: datetime
    duration_ms: int | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class FeedRow:
    """How a symbol's feed is doing; all None but the symbol where no producer has reported it.

    `updated_at` is wall time, every other time the exchange's; states in `conf.contracts.feed`.
    """

    symbol: str
    producer: str | None
    state: str | None
    last_trade_id: int | None
    last_trade_time: datetime | None
    lag_ms: int | None
    connected_since: datetime | None
    held: int | None
    updated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Freshness:
    """Newest rows of one symbol: wall times of writing, exchange times of what they say."""

    symbol: str
    candle_open_time: datetime | None
    candle_updated_at: datetime | None
    forecast_target: datetime | None
    forecast_written_at: datetime | None
