"""Stream payloads as Binance writes them (binance.md 4), and WebSocket frames. Pure."""

from __future__ import annotations

import re
import struct

from exchange.bars import Bar
from exchange.listings import Listing

TEXT, PING, PONG = 0x81, 0x89, 0x8A
_SHORT, _MEDIUM = 126, 1 << 16
# Thirteen digits are milliseconds; a capture may hold microseconds already.
_TIMES = re.compile(rb'"([ET])":(\d{13})(?=[,}])')
_KLINE_TIMES = re.compile(rb'"([EtT])":(\d{13})(?=[,}])')
SHUTDOWN_STREAM = "!serverShutdown"


def trade_event(
    symbol: str,
    event_ms: int,
    trade_id: int,
    price: str,
    quantity: str,
    trade_ms: int,
    buyer_is_maker: bool,
) -> bytes:
    """Return an `@trade` payload. Price and quantity are text, so that a fault may spoil them."""
    tail = trade_tail(symbol, trade_id, price, quantity, trade_ms, buyer_is_maker)
    return f'{{"e":"trade","E":{event_ms},{tail}'.encode()


def trade_tail(
    symbol: str, trade_id: int, price: str, quantity: str, trade_ms: int, buyer_is_maker: bool
) -> str:
    """Return what follows the event time in an `@trade` payload."""
    maker = "true" if buyer_is_maker else "false"
    return (
        f'"s":"{symbol}","t":{trade_id},"p":"{price}",'
        f'"q":"{quantity}","T":{trade_ms},"m":{maker},"M":true}}'
    )


def aggregate_event(
    listing: Listing,
    event_ms: int,
    order_id: int,
    price: int,
    quantity: int,
    ids: tuple[int, int],
    trade_ms: int,
    buyer_is_maker: bool,
) -> bytes:
    """Return an `@aggTrade` payload; ``ids`` are the first and last trade id."""
    maker = "true" if buyer_is_maker else "false"
    return (
        f'{{"e":"aggTrade","E":{event_ms},"s":"{listing.symbol}","a":{order_id},'
        f'"p":"{listing.price_text(price)}","q":"{listing.quantity_text(quantity)}",'
        f'"f":{ids[0]},"l":{ids[1]},"T":{trade_ms},"m":{maker},"M":true}}'
    ).encode()


def kline_event(
    listing: Listing, bar: Bar, interval: str, event_ms: int, *, is_closed: bool
) -> bytes:
    """Return an `@kline_<interval>` payload."""
    price, quantity, quote = listing.price_text, listing.quantity_text, listing.quote_text
    return (
        f'{{"e":"kline","E":{event_ms},"s":"{listing.symbol}","k":{{"t":{bar.open_ms},'
        f'"T":{bar.close_ms},"s":"{listing.symbol}","i":"{interval}","f":{bar.first_id},'
        f'"L":{bar.last_id},"o":"{price(bar.open)}","c":"{price(bar.close)}",'
        f'"h":"{price(bar.high)}","l":"{price(bar.low)}","v":"{quantity(bar.volume)}",'
        f'"n":{bar.trades},"x":{"true" if is_closed else "false"},"q":"{quote(bar.quote)}",'
        f'"V":"{quantity(bar.buy_volume)}","Q":"{quote(bar.buy_quote)}","B":"0"}}}}'
    ).encode()


def shutdown_event(event_ms: int) -> bytes:
    """Return the payload that announces the end of the server."""
    return f'{{"e":"serverShutdown","E":{event_ms}}}'.encode()


def to_microseconds(payload: bytes) -> bytes:
    """Return a payload with its time fields in microseconds, as ``timeUnit=MICROSECOND`` asks.

    A close time of …999 ms becomes …999999 µs.
    """

    def scaled(match: re.Match[bytes]) -> bytes:
        name, value = match.group(1), int(match.group(2))
        is_close_time = is_kline and name == b"T"
        micro = (value + 1) * 1000 - 1 if is_close_time else value * 1000
        return b'"%s":%d' % (name, micro)

    is_kline = payload.startswith(b'{"e":"kline"')
    return (_KLINE_TIMES if is_kline else _TIMES).sub(scaled, payload)


def combined(stream: str, payload: bytes) -> bytes:
    """Return a payload in the wrapper of combined streams."""
    return b'{"stream":"' + stream.encode() + b'","data":' + payload + b"}"


def frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """Return one final, unmasked WebSocket frame, as a server sends it."""
    size = len(payload)
    if size < _SHORT:
        return bytes((opcode, size)) + payload
    if size < _MEDIUM:
        return struct.pack("!BBH", opcode, 126, size) + payload
    return struct.pack("!BBQ", opcode, 127, size) + payload
