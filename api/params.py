"""The query parameters of each endpoint: typed, bounded, none besides these. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)

from api.cursors import MAX_LENGTH
from api.documents.candles import BarInterval
from api.documents.forecasts import ForecastKind
from api.documents.scores import WindowName
from conf.contracts.incidents import IncidentKind

DEFAULT_ROWS = 500
MOST_ROWS = 20_000
"""Of any setting; what a server allows is NEXTHOUR_API_MAX_ROWS."""
EXAMPLE_TIME = "2026-01-01T00:00:00Z"

_LOST_PLUS = re.compile(r"(T.*) (\d\d:?\d\d)$")


def aware_time(value: object) -> datetime:
    """Return the time of an ISO 8601 text with a zone, in UTC.

    In UTC, since Postgres knows no offset of 16 hours or more. What lies outside of the years 1 to 9999
    there is their begin or end: no row is beyond. A plus sign that nobody encoded arrives as a space, and is taken for what was meant.

    Raises:
        ValueError: if it is no time, or has no zone.
    """
    text = str(value).strip()
    try:
        time = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text.upper()))
    except ValueError as error:
        message = f"{text[:40]!r} is no time; write it as {EXAMPLE_TIME}"
        raise ValueError(message) from error
    if time.tzinfo is None:
        message = f"{text[:40]!r} has no time zone; append Z for UTC: {EXAMPLE_TIME}"
        raise ValueError(message)
    try:
        return time.astimezone(UTC)
    except OverflowError:
        if time.year == 1:
            return datetime.min.replace(tzinfo=UTC)
        return datetime.max.replace(tzinfo=UTC)


Time = Annotated[
    datetime,
    BeforeValidator(aware_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Name = Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[^\x00]+$")]
SymbolName = Annotated[
    str, Field(min_length=1, max_length=40, pattern=r"^[^\x00]+$"), AfterValidator(str.upper)
]
Revision = Annotated[
    str,
    Field(
        pattern="^(latest|all|[1-9][0-9]{0,5})$",
        description="latest: the current version of each hour; all: every version; a number: that version, of the hours that have it. Only with interval=1h.",
        examples=["latest"],
    ),
]
Order = Literal["asc", "desc"]


class CombinationError(ValueError):
    """Parameters that each fit their description but not each other; one line."""

    def __init__(self, message: str, *, parameter: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class Parameters(BaseModel):
    """Query parameters; one that is not described is refused, since it may be a typing error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class Ranged(Parameters):
    """A range of times."""

    from_time: Time | None = Field(
        None,
        alias="from",
        description="First time, inclusive; ISO 8601 with its zone. Without it: from the beginning.",
        examples=[EXAMPLE_TIME],
    )
    until: Time | None = Field(
        None,
        description="End of the range, exclusive. Without it: to the newest.",
        examples=["2026-01-02T00:00:00Z"],
    )

    def require_order(self) -> None:
        """Demand that the range is not turned round.

        Raises:
            CombinationError: if it is.
        """
        if self.from_time and self.until and self.from_time > self.until:
            message = "from is later than until; exchange them"
            raise CombinationError(message, parameter="until")


class Paged(Ranged):
    """A range of times, page by page."""

    limit: int = Field(
        DEFAULT_ROWS,
        ge=1,
        le=MOST_ROWS,
        description="Most rows of this page.",
        examples=[DEFAULT_ROWS],
    )
    cursor: str | None = Field(
        None,
        min_length=1,
        max_length=MAX_LENGTH,
        description="`next_cursor` of the page before, all other parameters unchanged.",
    )


class CandleQuery(Paged):
    """Which candles."""

    symbol: SymbolName = Field(description="Which pair.", examples=["BTCUSDT"])
    interval: BarInterval = Field(
        "1h", description="1h as stored; 4h and 1d (UTC) are put together from the hours."
    )
    revision: Revision = "latest"
    as_known_at: Time | None = Field(
        None,
        description="Only what had been written by that wall time: the hours as they were known then, in the revision of that time. Hours that were replaced in place later (a running hour, or history by better history) are absent.",
        examples=["2026-01-03T00:00:00Z"],
    )
    provisional: bool = Field(
        False, description="Also the hour or bar that is still running; its figures change."
    )
    order: Order = Field("asc", description="asc: oldest first; desc: newest first.")

    def require_sense(self) -> None:
        """Demand that the parameters go together.

        Raises:
            CombinationError: if they do not.
        """
        self.require_order()
        if self.interval != "1h" and self.revision != "latest":
            message = (
                "only hours have revisions; leave it out with interval=4h or 1d, or use as_known_at"
            )
            raise CombinationError(message, parameter="revision")


class ForecastQuery(Paged):
    """Which forecasts."""

    symbol: SymbolName | None = Field(
        None, description="Which pair; all without it.", examples=["BTCUSDT"]
    )
    kind: ForecastKind = Field(
        "live", description="live, shadow (a candidate beside it) or backfill (made afterwards)."
    )
    model_version: Name | None = Field(
        None,
        description="Only of this version; of all without it.",
        examples=["20260101T000000Z-00d1ce"],
    )
    refusals: Literal["include", "exclude", "only"] = Field(
        "include", description="What to do with hours that the model refused, with its reason."
    )
    order: Order = Field("asc", description="asc: oldest target hour first; desc: newest first.")


class ScoreQuery(Parameters):
    """Which scores."""

    symbol: SymbolName | None = Field(
        None, description="Only of this pair; of all and each without it.", examples=["BTCUSDT"]
    )
    window: tuple[WindowName, ...] = Field(
        ("24h", "7d", "30d", "90d"),
        min_length=1,
        max_length=4,
        description="Lengths of the windows; repeat it for several.",
    )
    kind: ForecastKind = Field("live", description="Which forecasts.")
    model_version: Name | None = Field(
        None,
        description="Only of this version. Without it an hour counts once, as it was first made.",
        examples=["20260101T000000Z-00d1ce"],
    )
    until: Time | None = Field(
        None,
        description="End of the windows, exclusive; without it, the end of the newest closed hour.",
        examples=["2026-01-02T00:00:00Z"],
    )


class RunningScoreQuery(Paged):
    """Which running error."""

    from_time: Time = Field(
        alias="from",
        description="First target hour, inclusive: errors are counted from here on.",
        examples=[EXAMPLE_TIME],
    )
    symbol: SymbolName | None = Field(
        None,
        description="Of this pair; without it of all but the stable coins.",
        examples=["BTCUSDT"],
    )
    kind: ForecastKind = Field("live", description="Which forecasts.")
    model_version: Name | None = Field(
        None,
        description="Only of this version. Without it an hour counts once, as it was first made.",
        examples=["20260101T000000Z-00d1ce"],
    )


class IncidentQuery(Paged):
    """Which incidents, by the time at which they began."""

    kind: tuple[IncidentKind, ...] = Field(
        (), max_length=len(IncidentKind), description="Only these kinds; repeat it for several."
    )
    symbol: SymbolName | None = Field(
        None, description="Only of this pair's series.", examples=["ETHUSDT"]
    )
    alarms: bool = Field(False, description="Only what a person should look at.")


class StreamQuery(Parameters):
    """Which events."""

    symbol: tuple[SymbolName, ...] = Field(
        (), max_length=100, description="Only of these pairs; repeat it for several."
    )
    type: tuple[Literal["candle", "forecast"], ...] = Field(
        ("candle", "forecast"),
        min_length=1,
        max_length=2,
        description="Which events; repeat it for several.",
    )
    provisional: bool = Field(
        False, description="Also the running hours, each time that they change."
    )
    follow: bool = Field(
        True,
        description="false: send what came after Last-Event-ID and end, instead of waiting for more.",
    )
