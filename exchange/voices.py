"""One symbol during one hour: its trades as texts made beforehand, and how far they were sent."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from exchange import wire
from exchange.broadcast import aggregate_stream, kline_stream, trade_stream
from exchange.series import HourTrades, Series
from exchange.tickers import book_stream, book_ticker
from exchange.trade_faults import TradeMessage


@dataclass
class Voice:
    """A symbol's trades of an hour. `version` is that of the series when they were read."""

    series: Series
    hour: HourTrades
    version: int
    sent: int = 0
    shown: int = 0  # trades in the last kline update
    order: int = 0  # next taker order to send
    ticked: int = 0  # trades whose book ticker was sent
    tails: list[str] = field(default_factory=list)  # all of a payload but its event time
    ends: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write the trades' texts; this is the long part, so make voices off the event loop."""
        listing, hour = self.series.listing, self.hour
        self.symbol = listing.symbol
        self.stream = trade_stream(listing.symbol)
        self.order_stream = aggregate_stream(listing.symbol)
        self.kline_stream = kline_stream(listing.symbol)
        self.book_stream = book_stream(listing.symbol)
        self.tails = [
            wire.trade_tail(listing.symbol, *row)
            for row in zip(
                hour.trade_id.tolist(),
                map(listing.price_text, hour.price.tolist()),
                map(listing.quantity_text, hour.quantity.tolist()),
                hour.time_ms.tolist(),
                hour.buyer_is_maker.tolist(),
                strict=True,
            )
        ]
        self.ends = hour.order_ends.tolist()

    def next_message(self) -> TradeMessage:
        """Return the next trade field by field, for what a fault makes of it; move on."""
        position, hour, listing = self.sent, self.hour, self.series.listing
        self.sent += 1
        return TradeMessage(
            self.symbol,
            self.stream,
            int(hour.trade_id[position]),
            listing.price_text(int(hour.price[position])),
            listing.quantity_text(int(hour.quantity[position])),
            int(hour.time_ms[position]),
            bool(hour.buyer_is_maker[position]),
        )

    def order_payload(self, event_ms: int) -> bytes:
        """Return the next taker order as an aggregate trade."""
        end = self.ends[self.order]
        begin = self.ends[self.order - 1] if self.order else 0
        hour = self.hour
        return wire.aggregate_event(
            self.series.listing,
            event_ms,
            hour.first_order_id + self.order,
            int(hour.price[begin]),
            int(hour.quantity[begin:end].sum()),
            (int(hour.trade_id[begin]), int(hour.trade_id[end - 1])),
            int(hour.time_ms[begin]),
            bool(hour.buyer_is_maker[begin]),
        )

    def book_payload(self, position: int) -> bytes:
        """Return the book ticker right after a trade."""
        hour = self.hour
        return book_ticker(
            self.series.listing,
            int(hour.trade_id[position]),
            int(hour.price[position]),
            buyer_is_maker=bool(hour.buyer_is_maker[position]),
        )

    def shortened(self, hour: HourTrades) -> Voice:
        """Return this voice with the hour as it is now, sent as far as before."""
        voice = Voice(self.series, hour, self.series.version)
        voice.sent, voice.shown = self.sent, self.shown
        voice.order, voice.ticked = self.order, self.ticked
        return voice


def schedule(voices: list[Voice]) -> tuple[list[int], list[int]]:
    """Return the times of all trades not sent yet, in order, and whose each one is."""
    if not voices:
        return [], []
    left = [voice.hour.moments()[voice.sent :] for voice in voices]
    times = np.concatenate(left)
    speakers = np.repeat(np.arange(len(voices)), [len(one) for one in left])
    # A stable sort keeps each symbol's trades in order of id.
    order = np.argsort(times, kind="stable")
    return times[order].tolist(), speakers[order].tolist()
