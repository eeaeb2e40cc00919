"""Types and envelopes that all documents share. Pure."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

DecimalText = Annotated[
    str,
    Field(
        pattern=r"^-?[0-9]+(\.[0-9]+)?$",
        description="Exact decimal as a string, without trailing zeros.",
        examples=["61685.99"],
    ),
]
TimeText = Annotated[
    str,
    Field(
        pattern=r"^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
        description="ISO 8601 in UTC, always with Z.",
        json_schema_extra={"format": "date-time"},
        examples=["2026-01-01T05:00:00Z"],
    ),
]
Symbol = Annotated[str, Field(description="The exchange's name of the pair.", examples=["BTCUSDT"])]


class Document(BaseModel):
    """A JSON object of the read API; new fields may be added, none is renamed or removed in /v1."""

    model_config = ConfigDict(frozen=True)


class Source(Document):
    """Where every figure of an answer comes from."""

    namespace: str = Field(description="The run.", examples=["live"])
    venue: str = Field(description="Whose trades these are.", examples=["binance-spot"])
    source_label: str = Field(
        description="For people: 'live', 'replay' or 'synthetic × 180'.", examples=["live"]
    )
    speed: DecimalText = Field(
        description="Exchange seconds per wall second; 1 on a real exchange.", examples=["1"]
    )


class Listing(Document):
    """An answer that names its source."""

    source: Source


class Page(Listing):
    """A part of a list."""

    next_cursor: str | None = Field(
        description="Send it as `cursor`, all else unchanged, for the next page; null on the last one.",
        examples=[None],
    )
