"""Candles as documents. Pure."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.documents.common import DecimalText, Document, Page, Symbol, TimeText

BarInterval = Literal["1h", "4h", "1d"]
BarStatus = Literal["final", "provisional", "incomplete"]
Verdict = Literal["complete", "quiet", "history", "partial", "disputed"]


class CandleDocument(Document):
    """One bar of one symbol (grain: symbol, interval, open time, revision)."""

    symbol: Symbol
    interval: BarInterval = Field(description="Length of the bar, UTC.", examples=["1h"])
    open_time: TimeText = Field(description="First moment of the bar, exchange time.")
    revision: int | None = Field(
        description="1 is the first version of an hour, each repair or later change is the next; null for 4h and 1d.",
        examples=[1],
    )
    open: DecimalText | None = Field(description="Price of the first trade by trade id.")
    high: DecimalText | None = Field(description="Highest price.")
    low: DecimalText | None = Field(description="Lowest price.")
    close: DecimalText | None = Field(description="Price of the last trade by trade id.")
    volume: DecimalText | None = Field(description="Base asset traded.")
    quote_volume: DecimalText | None = Field(description="Quote asset traded.")
    taker_buy_volume: DecimalText | None = Field(
        description="Base asset that takers bought; null where an hour's is unknown."
    )
    taker_buy_quote_volume: DecimalText | None = Field(
        description="Quote asset that takers paid; null where an hour's is unknown."
    )
    trades: int | None = Field(description="Number of trades.", examples=[48211])
    first_trade_id: int | None = Field(description="Null without trades or where unknown.")
    last_trade_id: int | None = Field(description="Null without trades or where unknown.")
    hours: int = Field(description="Hours of the bar that are there.", examples=[1])
    hours_expected: int = Field(description="Hours of a whole bar: 1, 4 or 24.", examples=[1])
    status: BarStatus = Field(
        description="provisional: still running, figures change; incomplete: over, but an hour is absent (the exchange was halted, or it is missing); else final."
    )
    verdict: Verdict | None = Field(
        description="What the comparison with the exchange's own kline said; for 4h and 1d the worst of the hours, in this order: complete, quiet (no trades), history (the exchange's own past figures), partial, disputed. Null while provisional."
    )
    reason: str | None = Field(
        description="Why an hour is partial or disputed; for 4h and 1d of the first such hour."
    )
    witness: str | None = Field(
        description="What the candle was compared with: STREAM, REST …; null for 4h and 1d."
    )
    source: str = Field(
        description="Who made it: trades, repair, or the source of history; comma separated for 4h and 1d.",
        examples=["trades"],
    )
    updated_at: TimeText = Field(
        description="Wall time at which this was written, of the latest hour for 4h and 1d."
    )


class CandlePage(Page):
    """Candles of one symbol in the order asked for."""

    data: list[CandleDocument]
