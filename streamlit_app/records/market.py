"""Hours, bars and forecasts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from streamlit_app.records.run import SymbolInfo

STRIP_HOURS = 24
"""Of the overview's strip of verdicts."""


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
class BarRow:
    """One bar of a chart: an hour, or several hours of one symbol taken together.

    Of its `expected` hours it holds `hours`; `quiet`, `partial`, `disputed`, `revised` and
    `history` count those of them that are so. `revision` is the highest of an hour, `reason` the
    first that there is. An hour that has not closed makes the bar running.
    """

    open_time: datetime
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal | None
    volume: Decimal | None
    quote_volume: Decimal | None
    trades: int | None
    hours: int
    expected: int
    is_running: bool
    quiet: int
    partial: int
    disputed: int
    revised: int
    history: int
    revision: int
    reason: str | None


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
class BarScore:
    """How many scored forecasts fall into a bar, and how many closes lay inside their bands."""

    open_time: datetime
    forecasts: int
    inside_50: int
    inside_90: int


@dataclass(frozen=True, slots=True)
class CoinNow:
    """One row of the overview. `strip` holds the final hours that there are, oldest first."""

    info: SymbolInfo
    newest: CandleRow | None
    last_final: CandleRow | None
    forecast: ForecastRow | None
    strip: tuple[CandleRow, ...]
