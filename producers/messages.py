"""Wire JSON of the exchange → trades and closed hours. Pure: bytes and a receipt time in, values out."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

import orjson

from conf.contracts.errors import ContractError
from conf.contracts.trades import INT64_MAX, SCALE, Close, scaled
from conf.names import HOUR_MS
from producers.errors import BadMessage, Reason

_KNOWN_OTHERS = frozenset(
    (
        "aggTrade",
        "24hrTicker",
        "24hrMiniTicker",
        "1hTicker",
        "4hTicker",
        "1dTicker",
        "avgPrice",
        "blockTrade",
        "referencePrice",
        "depthUpdate",
    )
)
# Narrower than Decimal, which takes '1_0', 'NaN' and digits of any alphabet.
_DECIMAL = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?")
PAST_TOLERANCE_MS = 600_000
"""Wide: an exchange under load is late with its events, and each refused one costs a question."""

_BOOK_TICKER = frozenset("ubBaA")


class Trade(NamedTuple):
    """One trade. Times are UTC epoch ms; price and quantity × 10^8; `event_time_ms` None from REST.

    `time_fell` is for the sequencer to say, who sees the series in order: the trade's time lies
    before that of the trade published before it.

    A tuple, since there are many: made in half the time of a frozen dataclass.
    """

    symbol: str
    trade_id: int
    price: int
    quantity: int
    buyer_is_maker: bool
    trade_time_ms: int
    event_time_ms: int | None
    received_time_ms: int
    source: str
    time_fell: bool = False


@dataclass(frozen=True, slots=True)
class ClosedKline:
    """The exchange's statement that an hour of a symbol is over."""

    symbol: str
    close: Close
    received_time_ms: int


@dataclass(frozen=True, slots=True)
class Other:
    """A message that is neither, but known: `kind` is its event type, 'openKline' or 'reply'."""

    kind: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a sane trade looks like.

    Attributes:
        future_tolerance_ms: how far a trade time may lie after its receipt, exchange time.
        max_notional: price × quantity above this is refused.
        past_tolerance_ms: how far a trade time may lie before the event that tells it.
    """

    future_tolerance_ms: int
    max_notional: Decimal
    past_tolerance_ms: int = PAST_TOLERANCE_MS

    @property
    def max_notional_units(self) -> int:
        """`max_notional` as a product of two scaled integers."""
        return int(self.max_notional.scaleb(2 * SCALE))


class Parser:
    """Parses messages against fixed limits."""

    def __init__(self, limits: Limits) -> None:
        self._tolerance_ms = limits.future_tolerance_ms
        self._past_tolerance_ms = limits.past_tolerance_ms
        self._max_units = limits.max_notional_units
        self._by_event: dict[str, Callable[[dict[str, Any], int], Trade | ClosedKline | Other]] = {
            "trade": self._stream_trade,
            "kline": self._kline,
        }

    def stream_message(
        self, raw: bytes | str, received_time_ms: int
    ) -> Trade | ClosedKline | Other:
        """Return the meaning of one stream message, combined or raw form.

        Raises:
            BadMessage: if it has none.
        """
        try:
            message = orjson.loads(raw)
        except orjson.JSONDecodeError as error:
            raise BadMessage(Reason.MALFORMED, f"no JSON: {error}") from error
        if not isinstance(message, dict):
            raise BadMessage(Reason.MALFORMED, f"a JSON {type(message).__name__}, not an object")
        data = message.get("data", message)
        if not isinstance(data, dict):
            raise BadMessage(Reason.MALFORMED, "`data` is no object")
        event = data.get("e")
        handler = self._by_event.get(event) if isinstance(event, str) else None
        if handler is not None:
            return handler(data, received_time_ms)
        return _other(data, event)

    def rest_trade(self, row: Any, symbol: str, received_time_ms: int) -> Trade:
        """Return the trade of one row of REST `historicalTrades` or `trades`.

        Raises:
            BadMessage: if the row is no sane trade.
        """
        if not isinstance(row, dict):
            raise BadMessage(Reason.MALFORMED, "REST trade is no object", symbol)
        trade = Trade(
            symbol,
            _integer(row, "id", symbol),
            _units(row, "price", Reason.BAD_PRICE, symbol),
            _units(row, "qty", Reason.BAD_QUANTITY, symbol),
            _flag(row, "isBuyerMaker", symbol),
            _integer(row, "time", symbol),
            None,
            received_time_ms,
            "REST",
        )
        self._check(trade)
        return trade

    def _stream_trade(self, data: dict[str, Any], received_time_ms: int) -> Trade:
        symbol = _symbol(data)
        trade = Trade(
            symbol,
            _integer(data, "t", symbol),
            _units(data, "p", Reason.BAD_PRICE, symbol),
            _units(data, "q", Reason.BAD_QUANTITY, symbol),
            _flag(data, "m", symbol),
            _integer(data, "T", symbol),
            _integer(data, "E", symbol),
            received_time_ms,
            "STREAM",
        )
        self._check(trade)
        event_time_ms = trade.event_time_ms
        if (
            event_time_ms is not None
            and trade.trade_time_ms < event_time_ms - self._past_tolerance_ms
        ):
            behind = event_time_ms - trade.trade_time_ms
            text = f"trade time is {behind} ms before its event"
            raise BadMessage(Reason.PAST_TIME, text, symbol)
        return trade

    def _check(self, trade: Trade) -> None:
        if trade.trade_time_ms > trade.received_time_ms + self._tolerance_ms:
            ahead = trade.trade_time_ms - trade.received_time_ms
            raise BadMessage(Reason.FUTURE_TIME, f"trade time is {ahead} ms ahead", trade.symbol)
        if trade.price * trade.quantity > self._max_units:
            raise BadMessage(Reason.NOTIONAL_TOO_LARGE, "price × quantity", trade.symbol)

    def _kline(self, data: dict[str, Any], received_time_ms: int) -> ClosedKline | Other:
        symbol = _symbol(data)
        kline = data.get("k")
        if not isinstance(kline, dict):
            raise BadMessage(Reason.MALFORMED, "kline without `k`", symbol)
        if kline.get("i") != "1h":
            return Other("kline")
        if not _flag(kline, "x", symbol):
            return Other("openKline")
        open_time_ms = _integer(kline, "t", symbol)
        if open_time_ms % HOUR_MS:
            raise BadMessage(Reason.MALFORMED, f"no hour opens at {open_time_ms}", symbol)
        if open_time_ms + HOUR_MS > received_time_ms + self._tolerance_ms:
            raise BadMessage(Reason.FUTURE_TIME, "closed kline of an hour that is not over", symbol)
        close = Close(
            open_time_ms=open_time_ms,
            witness="STREAM",
            first_trade_id=_integer(kline, "f", symbol),
            last_trade_id=_integer(kline, "L", symbol),
            trades=_integer(kline, "n", symbol),
            **_figures(kline, "ohlcvqVQ", symbol),
        )
        _check_ids(close, symbol)
        return ClosedKline(symbol, close, received_time_ms)


def rest_kline(row: Any, symbol: str) -> Close:
    """Return the witness of one row of REST `klines`, without ids: the sequencer derives them.

    Raises:
        BadMessage: if the row is no kline.
    """
    if not isinstance(row, list) or len(row) < 11:
        raise BadMessage(Reason.MALFORMED, "REST kline is no list of 12", symbol)
    named = {str(index): value for index, value in enumerate(row)}
    close = Close(
        open_time_ms=_integer(named, "0", symbol),
        witness="REST",
        trades=_integer(named, "8", symbol),
        **_figures(named, ("1", "2", "3", "4", "5", "7", "9", "10"), symbol),
    )
    if close.open_time_ms % HOUR_MS:
        raise BadMessage(Reason.MALFORMED, f"no hour opens at {close.open_time_ms}", symbol)
    return close


def _other(data: dict[str, Any], event: Any) -> Other:
    if isinstance(event, str) and (event in _KNOWN_OTHERS or event == "serverShutdown"):
        return Other(event)
    if event is None and data.keys() >= _BOOK_TICKER:
        return Other("bookTicker")
    if event is None and ("result" in data or "error" in data or "code" in data):
        return Other("reply")
    symbol = data.get("s")
    raise BadMessage(
        Reason.UNKNOWN_EVENT, f"event type {event!r}", symbol if isinstance(symbol, str) else None
    )


def _figures(row: dict[str, Any], names: str | tuple[str, ...], symbol: str) -> dict[str, Any]:
    """Return the o h l c v q V Q of a kline as fields of `Close`."""
    prices = ("open", "high", "low", "close")
    volumes = ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
    figures: dict[str, Any] = {
        field: _units(row, name, Reason.BAD_PRICE, symbol)
        for field, name in zip(prices, names[:4], strict=True)
    }
    for field, name in zip(volumes, names[4:], strict=True):
        figures[field] = _decimal_text(row, name, symbol)
    return figures


def _check_ids(close: Close, symbol: str) -> None:
    first, last, count = close.first_trade_id, close.last_trade_id, close.trades
    assert first is not None
    assert last is not None
    assert count is not None
    if count < 0 or (count > 0 and not 0 <= first <= last):
        raise BadMessage(Reason.MALFORMED, f"kline with n={count}, f={first}, L={last}", symbol)


def _symbol(data: dict[str, Any]) -> str:
    symbol = data.get("s")
    if not isinstance(symbol, str) or not symbol:
        raise BadMessage(Reason.MALFORMED, "no symbol")
    return symbol


def _integer(data: dict[str, Any], name: str, symbol: str) -> int:
    value = data.get(name)
    # bool is an int in Python; ids are compared, so a 'true' must not pass as 1.
    if type(value) is not int:
        raise BadMessage(Reason.MALFORMED, f"`{name}` is {value!r}, not an integer", symbol)
    if not -INT64_MAX <= value <= INT64_MAX:
        raise BadMessage(Reason.MALFORMED, f"`{name}` is {value}, more than 64 bit", symbol)
    return value


def _flag(data: dict[str, Any], name: str, symbol: str) -> bool:
    value = data.get(name)
    if not isinstance(value, bool):
        raise BadMessage(Reason.MALFORMED, f"`{name}` is {value!r}, not a boolean", symbol)
    return value


def _units(data: dict[str, Any], name: str, code: Reason, symbol: str) -> int:
    text = data.get(name)
    if not isinstance(text, str) or _DECIMAL.fullmatch(text) is None:
        raise BadMessage(code, f"`{name}` is {text!r}, not a decimal string", symbol)
    # The usual form has exactly eight decimals: three times as fast as through Decimal.
    digits = text[:-9] + text[-8:]
    if text[-9:-8] == "." and len(digits) <= 18:
        value = int(digits)
    else:
        try:
            value = scaled(text)
        except ContractError as error:
            raise BadMessage(code, f"`{name}`: {error}", symbol) from error
    if value <= 0:
        raise BadMessage(code, f"`{name}` is {text!r}, not above zero", symbol)
    return value


def _decimal_text(data: dict[str, Any], name: str, symbol: str) -> str:
    text = data.get(name)
    if not isinstance(text, str) or _DECIMAL.fullmatch(text) is None:
        raise BadMessage(Reason.MALFORMED, f"`{name}` is {text!r}, not a decimal string", symbol)
    return text
