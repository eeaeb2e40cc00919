"""The last evaluation: what the models were worth on hours that none of them had seen. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class EvaluationRun:
    """One evaluation; `evaluated_at` is wall time, the others are opening times of hours."""

    digest: str
    evaluated_at: datetime
    train_until: datetime
    first_open_time: datetime
    last_open_time: datetime
    hours: int
    rows_per_model: int
    refit_hours: int
    coins: tuple[str, ...]
    warnings: tuple[str, ...]
    shown_model: str


@dataclass(frozen=True, slots=True)
class LeagueRow:
    """One model's place; shares in [0, 1], None where a figure has no meaning."""

    place: int
    model: str
    is_better: bool
    rmae: float | None
    rmae_low: float | None
    rmae_high: float | None
    da: float | None
    da_se: float | None
    dm_t: float | None
    pinball_skill: float | None
    coverage_50: float | None
    coverage_90: float | None
    refused: float
    seeds: int
    fits: int | None
    fit_s: float | None
    score_s: float | None
    peak_mib: int | None


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the shown model said of one hour's close, and what came; prices are floats."""

    target_open_time: datetime
    last_close: float
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float
    actual_close: float
    is_refused: bool
    reason: str | None
