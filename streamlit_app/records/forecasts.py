"""How good the forecasts were, and which model made them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What the live forecasts of one coin, or of all coins together (`symbol` None), were worth.

    Errors are mean absolute errors relative to the last close, `naive_error` that of "same as the
    last close"; `gain` is their difference. A standard error (`…_se`) is over hours, since the coins of
    an hour move together; None below two hours. `fallbacks`, `refusals` and `unjudged` (the hour is
    partial or disputed) do not count in any of it.
    """

    symbol: str | None
    forecasts: int
    hours: int
    refusals: int
    fallbacks: int
    unjudged: int
    error: float | None
    naive_error: float | None
    gain: float | None
    gain_se: float | None
    direction: float | None
    direction_se: float | None
    coverage_90: float | None
    coverage_90_se: float | None
    coverage_50: float | None
    coverage_50_se: float | None
    pinball: float | None
    naive_pinball: float | None

    @property
    def ratio(self) -> float | None:
        """Return the model's mean error over that of the last close; None where that is zero."""
        if self.error is None or not self.naive_error:
            return None
        return self.error / self.naive_error

    @property
    def t(self) -> float | None:
        """Return the mean gain over its standard error, None where there is none."""
        return None if self.gain is None or not self.gain_se else self.gain / self.gain_se


@dataclass(frozen=True, slots=True)
class HourScore:
    """Sums of one hour's errors over the coins that count."""

    target_open_time: datetime
    forecasts: int
    error: float
    naive_error: float
    inside_90: int


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model version with its validation against the EWMA baseline; times are the exchange's.

    `expires_at` is when its members must not be used any more.
    """

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
    expires_at: datetime | None
    hours_served: int
    last_served: datetime | None
    shadow_hours: int
    last_shadow: datetime | None


@dataclass(frozen=True, slots=True)
class ServedRow:
    """Consecutive hours that one version made forecasts for; `kind` is live or shadow."""

    kind: str
    version: str
    first_hour: datetime
    last_hour: datetime
    hours: int
    forecasts: int
    refusals: int
    scoring_ms: float


@dataclass(frozen=True, slots=True)
class ModelEventRow:
    """What was done with a version and why, in exchange time."""

    happened_at: datetime
    kind: str
    version: str | None
    reason: str
    detail: dict[str, Any]
