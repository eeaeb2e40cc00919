"""Jobs, feeds, stores and what happened to them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


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


@dataclass(frozen=True, slots=True)
class CommitRow:
    """The last batch that a query committed in Postgres; `updated_at` is wall time."""

    query: str
    checkpoint: str
    batch_id: int
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class DatabaseRow:
    """The database that answers: its version, and the bytes of the namespace's tables."""

    version: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class RecentForecasts:
    """What the newest hour's forecast run made; `issued_at` is exchange time."""

    target_open_time: datetime
    model_version: str
    issued_at: datetime
    forecasts: int
    refusals: int
    scoring_ms: float
