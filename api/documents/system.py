"""Symbols, models, incidents and the state of the system, as documents. Pure."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from api.documents.common import DecimalText, Document, Listing, Page, Symbol, TimeText

ModelStatus = Literal[
    "candidate", "shadow", "bootstrap", "champion", "previous", "retired", "rejected"
]
Freshness = Literal["fresh", "slow", "stale", "none"]


class SymbolDocument(Document):
    """One symbol that the run follows."""

    symbol: Symbol
    status: str = Field(description="As in the exchange's exchangeInfo.", examples=["TRADING"])
    base_asset: str = Field(examples=["BTC"])
    quote_asset: str = Field(examples=["USDT"])
    tick_size: DecimalText = Field(description="Smallest step of a price.", examples=["0.01"])
    step_size: DecimalText = Field(description="Smallest step of a quantity.", examples=["0.00001"])
    updated_at: TimeText = Field(description="Wall time at which this was written.")


class SymbolList(Listing):
    """The symbols in the run's order."""

    data: list[SymbolDocument]


class ModelDocument(Document):
    """One version of the model. Losses are means over the validation rows, smaller is better."""

    version: str = Field(examples=["20260101T000000Z-00d1ce"])
    status: ModelStatus = Field(
        description="champion or bootstrap (a first model on a short history) serve; previous is the way back; rejected missed the gate."
    )
    created_at: TimeText = Field(description="Wall time of its training.")
    sha256: str = Field(description="Of the archive in the registry.")
    weights_hash: str = Field(description="Of the weights alone.")
    trained_from: TimeText = Field(description="First hour of training.")
    trained_until: TimeText = Field(description="Last hour of training.")
    train_rows: int = Field(description="Windows that it was fitted on.")
    val_pinball: float | None = Field(description="Pinball loss on validation.")
    ewma_pinball: float | None = Field(description="The same of the EWMA bands.")
    val_rmae: float | None = Field(
        description="Mean absolute error over that of 'same as last', on validation."
    )
    fit_seconds: float | None = Field(description="Wall time of the fit.")
    hours_served: int = Field(description="Target hours with live forecasts by this version.")
    last_served: TimeText | None = Field(description="The latest of them; null if there is none.")


class ModelList(Listing):
    """Model versions, newest first."""

    data: list[ModelDocument]


class ModelDetail(ModelDocument):
    """One version with its whole manifest."""

    manifest: dict[str, Any] = Field(description="What the registry holds beside the weights.")


class ModelAnswer(Listing):
    """One model version."""

    data: ModelDetail


class IncidentDocument(Document):
    """Something that happened to the feed or to a query, in exchange time."""

    id: int = Field(description="Rises with the order of writing.", examples=[812])
    kind: str = Field(description="What happened.", examples=["gap_declared"])
    is_alarm: bool = Field(description="Whether a person should look at it.")
    producer: str | None = Field(description="Who saw it: a producer's shard, or a query.")
    symbol: str | None = Field(description="Whose series; null if all of the producer's.")
    first_id: int | None = Field(description="First trade id concerned.")
    last_id: int | None = Field(description="Last trade id concerned.")
    started_at: TimeText
    ended_at: TimeText | None = Field(description="Null while it lasts, or without a length.")
    duration_ms: int | None = Field(description="From start to end, exchange time.")
    detail: str | None = Field(description="One line for people.")
    written_at: TimeText = Field(description="Wall time at which it was written.")


class IncidentPage(Page):
    """Incidents, the latest first."""

    data: list[IncidentDocument]


class FeedDocument(Document):
    """How one symbol is doing. Null where nobody has reported or written it yet."""

    symbol: Symbol
    state: str | None = Field(
        description="starting, live, filling, silent, disconnected or stopped.", examples=["live"]
    )
    producer: str | None = Field(description="The shard that follows it.", examples=["1/1"])
    last_trade_id: int | None
    last_trade_time: TimeText | None = Field(description="Exchange time.")
    lag_ms: int | None = Field(description="Since the last trade at the report, exchange time.")
    held: int | None = Field(description="Trades that wait behind a hole.")
    connected_since: TimeText | None = Field(description="Exchange time.")
    reported_at: TimeText | None = Field(description="Wall time of the report.")
    newest_candle: TimeText | None = Field(
        description="Opening of the newest hour, running or not."
    )
    newest_candle_updated_at: TimeText | None = Field(description="Wall time.")
    newest_forecast: TimeText | None = Field(description="Target hour of the newest live forecast.")
    newest_forecast_written_at: TimeText | None = Field(description="Wall time.")


class JobDocument(Document):
    """One query or job."""

    job: str = Field(examples=["candles"])
    state: str = Field(description="running, restarting, stopped or failed.", examples=["running"])
    detail: dict[str, Any] = Field(description="Its last report.")
    updated_at: TimeText = Field(description="Wall time of that report.")


class StatusDocument(Document):
    """The system as Postgres knows it."""

    wall_time: TimeText = Field(description="Postgres' own clock.")
    exchange_time: TimeText | None = Field(
        description="The exchange's time as near as the rows tell; null once data is stale."
    )
    started_at: TimeText = Field(description="Wall time at which the run was prepared.")
    data_age_s: float | None = Field(description="Wall seconds since a candle was last written.")
    freshness: Freshness = Field(
        description="Of the data: fresh up to 15 s, slow up to 60 s, then stale; none without data."
    )
    feeds: list[FeedDocument]
    jobs: list[JobDocument]


class StatusAnswer(Listing):
    """How the system is doing now."""

    data: StatusDocument
