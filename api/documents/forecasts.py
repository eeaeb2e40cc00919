"""Forecasts as documents. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.documents.common import DecimalText, Document, Page, Symbol, TimeText

ForecastKind = Literal["live", "shadow", "backfill"]


class ForecastDocument(Document):
    """One forecast of an hour's close, or a refusal (grain: symbol, target hour, version, kind)."""

    symbol: Symbol
    target_open_time: TimeText = Field(
        description="Opening of the hour whose close is forecast; the close is an hour later."
    )
    model_version: str = Field(examples=["20260101T000000Z-00d1ce"])
    kind: ForecastKind = Field(
        description="live: published before the hour was far gone; shadow: a candidate beside it; backfill: made afterwards."
    )
    as_of_open_time: TimeText = Field(description="Opening of the last hour that the model saw.")
    issued_at: TimeText = Field(description="Exchange time at which it was made.")
    last_close: DecimalText | None = Field(
        description="Close of the last known hour: the forecast 'same as last' to compare with."
    )
    q05: DecimalText | None = Field(description="Lower end of the 90 % band.")
    q25: DecimalText | None = Field(description="Lower end of the 50 % band.")
    q50: DecimalText | None = Field(description="The median, the forecast itself.")
    q75: DecimalText | None = Field(description="Upper end of the 50 % band.")
    q95: DecimalText | None = Field(description="Upper end of the 90 % band.")
    is_fallback: bool = Field(
        description="True if an expired model lent only its baseline's bands; never scored."
    )
    refusal_reason: str | None = Field(
        description="Why there is no forecast; then all quantiles are null.", examples=[None]
    )
    input_verdict: str | None = Field(description="Verdict of the candle of the last known hour.")
    input_revision: int | None = Field(
        description="Revision of that candle; a later repair changes nothing here."
    )
    mask: str = Field(
        description="One character per symbol of the run: 1 if its hour was there, 0 if masked.",
        examples=["1111111111"],
    )
    feature_hash: str = Field(description="SHA-256 of what the model saw; empty if nothing.")
    written_at: TimeText = Field(description="Wall time at which it was written.")


class ForecastPage(Page):
    """Forecasts and refusals by target hour, in the order asked for."""

    data: list[ForecastDocument]
