"""A capture of combined-stream messages: its lines, and the trades in them as a book. Pure.

One JSON message a line: ``{"stream": …, "data": …}``. Lines that are no such message are counted
and passed over. The bytes of each message stay as they were recorded.
"""

from __future__ import annotations

import gzip
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from conf.names import HOUR_MS, hour_open_ms
from exchange.bars import Bar, HourState, flat_bar
from exchange.errors import StandInError
from exchange.listings import Listing
from exchange.series import HourTrades, Series

_GZIP_MAGIC = b"\x1f\x8b"
_QUOTE_ASSETS = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY")


@dataclass(frozen=True, slots=True)
class CapturedTrade:
    """A trade as it was recorded; price and quantity are the texts of the wire."""

    symbol: str
    trade_id: int
    price: str
    quantity: str
    time_ms: int
    buyer_is_maker: bool


@dataclass(frozen=True, slots=True)
class CapturedMessage:
    """One line: when it is due (exchange time, never decreasing), and its bytes.

    `wrapped` is the whole line, `data` the part inside; `trade` is None for other streams.
    """

    due_ms: int
    stream: str
    wrapped: bytes
    data: bytes
    trade: CapturedTrade | None


@dataclass
class Capture:
    """All messages of a capture, in the file's order."""

    messages: list[CapturedMessage] = field(default_factory=list)
    bad_lines: int = 0

    @property
    def start_ms(self) -> int:
        """When the first message is due."""
        return self.messages[0].due_ms

    @property
    def end_ms(self) -> int:
        """When the last message is due."""
        return self.messages[-1].due_ms


def read_capture(path: Path) -> Capture:
    """Return the capture in a file, plain or gzip.

    Raises:
        StandInError: if the file cannot be read, or holds no trade.
    """
    try:
        with path.open("rb") as file:
            is_gzip = file.read(2) == _GZIP_MAGIC
        opener = gzip.open if is_gzip else open
        with opener(path, "rb") as lines:
            capture = parse_lines(lines)
    except (OSError, EOFError) as error:
        message = f"capture {path} cannot be read: {error}; set NEXTHOUR_STANDIN_CAPTURE"
        raise StandInError(message) from error
    if not any(message.trade for message in capture.messages):
        message = (
            f"capture {path} holds no @trade message of a combined stream "
            f"({capture.bad_lines} lines are no message); set NEXTHOUR_STANDIN_CAPTURE"
        )
        raise StandInError(message)
    return capture


def parse_lines(lines: Iterable[bytes]) -> Capture:
    """Return the messages in some lines; wrong ones are counted."""
    capture = Capture()
    waiting: list[tuple[str, bytes, bytes]] = []  # before the first message with a time
    due = None
    for line in lines:
        text = line.strip()
        if not text:
            continue
        parsed = _message(text)
        if parsed is None:
            capture.bad_lines += 1
            continue
        stream, data, trade, moment = parsed
        if moment is not None:
            due = moment if due is None else max(due, moment)
        if due is None:
            waiting.append((stream, text, data))
            continue
        for name, whole, part in waiting:
            capture.messages.append(CapturedMessage(due, name, whole, part, None))
        waiting.clear()
        capture.messages.append(CapturedMessage(due, stream, text, data, trade))
    return capture


def _message(text: bytes) -> tuple[str, bytes, CapturedTrade | None, int | None] | None:
    try:
        message = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(message, dict) or not isinstance(message.get("stream"), str):
        return None
    data = message.get("data")
    if not isinstance(data, (dict, list)):
        return None
    stream = message["stream"]
    fields = data if isinstance(data, dict) else {}
    moment = fields.get("E", fields.get("T"))
    if not isinstance(moment, int) or isinstance(moment, bool):
        moment = None
    return stream, _data_bytes(text, stream, data), _trade(fields), moment


def _data_bytes(text: bytes, stream: str, data: Any) -> bytes:
    """Return the bytes of the data as recorded, or written anew if the line is unusual."""
    prefix = b'{"stream":"' + stream.encode() + b'","data":'
    if text.startswith(prefix):
        part = text[len(prefix) : -1].rstrip()
        try:
            if orjson.loads(part) == data:
                return part
        except orjson.JSONDecodeError:
            pass
    return orjson.dumps(data)


def _trade(fields: dict[str, Any]) -> CapturedTrade | None:
    if fields.get("e") != "trade":
        return None
    values: list[Any] = [fields.get(name) for name in ("s", "t", "p", "q", "T", "m")]
    kinds = [str, int, str, str, int, bool]
    if not all(type(value) is kind for value, kind in zip(values, kinds, strict=True)):
        return None
    trade = CapturedTrade(*values)
    return trade if _is_positive(trade.price) and _is_positive(trade.quantity) else None


def _is_positive(text: str) -> bool:
    try:
        value = Decimal(text)
    except ArithmeticError:
        return False
    return value.is_finite() and value > 0


class CaptureSeries(Series):
    """One symbol's captured trades, once each and in order of id, hour by hour.

    Args:
        symbol: upper case.
        trades: as captured, in any order, with repeats.
        start_ms: when the capture begins, UTC epoch ms.
        end_ms: when it ends.
    """

    def __init__(
        self, symbol: str, trades: Iterable[CapturedTrade], start_ms: int, end_ms: int
    ) -> None:
        kept = {trade.trade_id: trade for trade in trades}
        ordered = [kept[trade_id] for trade_id in sorted(kept)]
        self.listing = _listing(symbol, ordered)
        first_hour = hour_open_ms(min(trade.time_ms for trade in ordered))
        self.first_open_ms = min(hour_open_ms(start_ms), first_hour)
        self._end_ms = end_ms + 1
        self._hours: dict[int, HourTrades] = {}
        by_hour: defaultdict[int, list[CapturedTrade]] = defaultdict(list)
        for trade in ordered:
            by_hour[hour_open_ms(trade.time_ms)].append(trade)
        next_order = 1
        for open_ms in sorted(by_hour):
            hour = _hour_trades(self.listing, open_ms, by_hour[open_ms], next_order)
            next_order += len(hour.order_ends)
            self._hours[open_ms] = hour
        self._opens = sorted(self._hours)

    def end_ms(self) -> int:
        """Return the end of the capture."""
        return self._end_ms

    def state(self, open_ms: int) -> HourState:
        """Return what the hour is; before the first trade nothing is known, so absent."""
        if open_ms in self._hours:
            return HourState.TRADED
        is_inside = self._opens[0] < open_ms < self._end_ms
        return HourState.QUIET if is_inside else HourState.ABSENT

    def closed_bar(self, open_ms: int) -> Bar:
        """Return the bar of the captured trades of an hour."""
        hour = self._hours.get(open_ms)
        if hour is None:
            return flat_bar(open_ms, self.price_before(open_ms))
        return hour.bar(0, len(hour.price), open_ms, HOUR_MS)

    def trades(self, open_ms: int) -> HourTrades | None:
        """Return the captured trades of an hour, None where there are none."""
        return self._hours.get(open_ms)

    def hour_of_trade(self, trade_id: int, now_ms: int) -> int:
        """Return the open time of the first hour whose last id is not before this one."""
        for open_ms in self._opens:
            if int(self._hours[open_ms].trade_id[-1]) >= trade_id:
                return open_ms
        return self.last_open_ms(now_ms)

    def hour_of_order(self, order_id: int, now_ms: int) -> int:
        """Return the open time of the first hour whose last order is not before this one."""
        for open_ms in self._opens:
            hour = self._hours[open_ms]
            if hour.first_order_id + len(hour.order_ends) > order_id:
                return open_ms
        return self.last_open_ms(now_ms)

    def price_before(self, open_ms: int) -> int:
        """Return the last captured price before an hour; before the first trade, its price."""
        earlier = [one for one in self._opens if one < open_ms]
        if earlier:
            return int(self._hours[earlier[-1]].price[-1])
        return int(self._hours[self._opens[0]].price[0])


def capture_series(capture: Capture) -> dict[str, CaptureSeries]:
    """Return the series of every symbol that trades in a capture, in order of appearance."""
    trades: defaultdict[str, list[CapturedTrade]] = defaultdict(list)
    for message in capture.messages:
        if message.trade is not None:
            trades[message.trade.symbol].append(message.trade)
    return {
        symbol: CaptureSeries(symbol, found, capture.start_ms, capture.end_ms)
        for symbol, found in trades.items()
    }


def _listing(symbol: str, trades: list[CapturedTrade]) -> Listing:
    quote = next((asset for asset in _QUOTE_ASSETS if symbol.endswith(asset)), "")
    return Listing(
        symbol,
        symbol.removesuffix(quote),
        max(_decimals(trade.price) for trade in trades),
        max(_decimals(trade.quantity) for trade in trades),
        quote=quote,
    )


def _decimals(text: str) -> int:
    exponent = Decimal(text).normalize().as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def _hour_trades(
    listing: Listing, open_ms: int, trades: list[CapturedTrade], first_order_id: int
) -> HourTrades:
    price = _units([trade.price for trade in trades], listing.price_decimals)
    time_ms = np.array([trade.time_ms for trade in trades], dtype=np.int64)
    maker = np.array([trade.buyer_is_maker for trade in trades], dtype=bool)
    differs = (np.diff(price) != 0) | (np.diff(time_ms) != 0) | (maker[1:] != maker[:-1])
    ends = np.append(np.flatnonzero(differs) + 1, len(trades)).astype(np.int64)
    return HourTrades(
        open_ms,
        np.array([trade.trade_id for trade in trades], dtype=np.int64),
        price,
        _units([trade.quantity for trade in trades], listing.quantity_decimals),
        time_ms,
        maker,
        ends,
        first_order_id,
    )


def _units(texts: list[str], decimals: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.array([int(Decimal(text).scaleb(decimals)) for text in texts], dtype=np.int64)
