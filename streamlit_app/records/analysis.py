"""What Spark makes of the hourly candles once a day; every figure is of UTC days. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class AnalysisRun:
    """The newest run: it saw the hours before `until_time`; the other times are wall time."""

    started_at: datetime
    finished_at: datetime
    until_time: datetime
    symbols: int
    hours: int
    changed: int


@dataclass(frozen=True, slots=True)
class AggregateRow:
    """One symbol's UTC day, or its week from `begin` (Monday) on; unknown figures are None."""

    symbol: str
    begin: date
    open: Decimal | None
    high: Decimal | None
    low: Decimal | None
    close: Decimal
    volume: Decimal | None
    quote_volume: Decimal | None
    hours: int
    absent: int
    simple_return: float | None
    realised_volatility: float | None


@dataclass(frozen=True, slots=True)
class VolatilityRow:
    """Annualised volatility of the last 1, 7 and 30 days up to and with a day."""

    day: date
    volatility_24h: float | None
    volatility_7d: float | None
    volatility_30d: float | None


@dataclass(frozen=True, slots=True)
class RebasedRow:
    """A close over that of the symbol's own first day of the range."""

    symbol: str
    day: date
    base_day: date
    rebased: float


@dataclass(frozen=True, slots=True)
class CorrelationRow:
    """Correlation of the hourly returns of two symbols; a symbol's own is 1."""

    symbol: str
    other: str
    day: date
    returns: int | None
    correlation: float | None


@dataclass(frozen=True, slots=True)
class PatternRow:
    """One UTC hour of the day of a symbol, over all its days."""

    hour: int
    returns: int
    mean_abs_return: float | None
    mean_relative_volume: float | None
