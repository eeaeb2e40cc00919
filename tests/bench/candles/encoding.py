"""Many trades at once → the bytes of the topic: Avro on our wire, JSON as the exchange sends it. Pure.

Encoding record by record took longer than everything that is measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from conf.contracts.trades import WIRE_HEADER, TradeRecord, encode, unscaled
from tests.bench.candles.market import EVENT_LAG_MS, RECEIVED_LAG_MS, Longs, SymbolHour

Block = tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]
"""Bytes of a field by row, and which of them are used."""

SOURCE = "STREAM"


def varints(values: Longs) -> Block:
    """Return Avro longs of numbers that are not negative: zigzag, seven bits a byte."""
    left = (values.astype(np.uint64) << np.uint64(1))[:, None]
    shifts = np.arange(0, 70, 7, dtype=np.uint64)
    width = int(np.searchsorted(shifts[1:-1], np.uint64(int(left.max()).bit_length()))) + 1
    groups = left >> shifts[:width]
    is_used = groups > 0
    is_used[:, 0] = True
    follows = np.zeros_like(is_used)
    follows[:, :-1] = is_used[:, 1:]
    low = (groups & np.uint64(0x7F)).astype(np.uint8)
    return low | (follows.astype(np.uint8) << np.uint8(7)), is_used


def _same(text: bytes, rows: int) -> Block:
    row = np.frombuffer(text, np.uint8)
    return np.broadcast_to(row, (rows, len(row))), np.ones((rows, len(row)), np.bool_)


def _string(text: str) -> bytes:
    return bytes([2 * len(text)]) + text.encode()


def avro_trades(hour: SymbolHour, schema_id: int, begin: int, end: int) -> Iterator[bytes]:
    """Yield the wire bytes of the trades [begin, end) of an hour, equal to `contracts.trades.encode`.

    Raises:
        ValueError: if the contract has changed so that they are not.
    """
    part = slice(begin, end)
    rows = len(hour.price[part])
    head = WIRE_HEADER.pack(0, schema_id) + _string("TRADE") + _string(hour.symbol)
    present = _same(b"\x02", rows)
    flags = np.where(hour.is_maker[part], 1, 0).astype(np.uint8)[:, None]
    time_ms = hour.time_ms[part]
    blocks: list[Block] = [_same(head, rows)]
    for values in (hour.ids[part], hour.price[part], hour.quantity[part]):
        blocks += [present, varints(values)]
    blocks += [present, (flags, np.ones_like(flags, np.bool_)), varints(time_ms)]
    blocks += [present, varints(time_ms + EVENT_LAG_MS), varints(time_ms + RECEIVED_LAG_MS)]
    tail = _string(SOURCE) + b"\x00\x00"
    first = encode(record_of(hour, begin), schema_id)
    blocks.append(_same(tail + first[len(_row(blocks, 0) + tail) :], rows))  # fields since appended
    if _row(blocks, 0) != first:
        message = "the contract of `trades` has changed: encode its fields here, too"
        raise ValueError(message)
    bytes_ = np.hstack([block[0] for block in blocks])
    is_used = np.hstack([block[1] for block in blocks])
    flat = bytes_[is_used].tobytes()
    ends = np.cumsum(is_used.sum(axis=1)).tolist()
    last = 0
    for one in ends:
        yield flat[last:one]
        last = one


def _row(blocks: Sequence[Block], row: int) -> bytes:
    return b"".join(block[row][is_used[row]].tobytes() for block, is_used in blocks)


def record_of(hour: SymbolHour, row: int) -> TradeRecord:
    """Return one trade of an hour as a record."""
    time_ms = int(hour.time_ms[row])
    return TradeRecord(
        kind="TRADE",
        symbol=hour.symbol,
        trade_time_ms=time_ms,
        received_time_ms=time_ms + RECEIVED_LAG_MS,
        source=SOURCE,
        trade_id=hour.first_id + row,
        price=int(hour.price[row]),
        quantity=int(hour.quantity[row]),
        buyer_is_maker=bool(hour.is_maker[row]),
        event_time_ms=time_ms + EVENT_LAG_MS,
    )


def json_trades(hour: SymbolHour, begin: int, end: int) -> Iterator[bytes]:
    """Yield trades [begin, end) of an hour as messages of the combined stream."""
    stream, symbol = hour.symbol.lower(), hour.symbol
    part = slice(begin, end)
    columns = (hour.ids, hour.price, hour.quantity, hour.is_maker, hour.time_ms)
    for trade_id, price, size, is_maker, at_ms in zip(
        *(column[part].tolist() for column in columns), strict=True
    ):
        yield (
            f'{{"stream":"{stream}@trade","data":{{"e":"trade","E":{at_ms + EVENT_LAG_MS},'
            f'"s":"{symbol}","t":{trade_id},"p":"{_text(price)}","q":"{_text(size)}",'
            f'"T":{at_ms},"m":{"true" if is_maker else "false"},"M":true}}}}'
        ).encode()


def json_close(record: TradeRecord) -> bytes:
    """Return a CLOSE as the closed kline of the combined stream that it was made from.

    Raises:
        ValueError: if the record is no CLOSE with figures.
    """
    close = record.close
    if close is None or close.open is None:
        message = f"no CLOSE: {record}"
        raise ValueError(message)
    prices = {key: f"{unscaled(getattr(close, name) or 0):f}" for key, name in _PRICES.items()}
    return (
        f'{{"stream":"{record.symbol.lower()}@kline_1h","data":{{"e":"kline",'
        f'"E":{record.event_time_ms},"s":"{record.symbol}","k":{{"t":{close.open_time_ms},'
        f'"T":{record.trade_time_ms},"s":"{record.symbol}","i":"1h","f":{close.first_trade_id},'
        f'"L":{close.last_trade_id},"o":"{prices["o"]}","c":"{prices["c"]}","h":"{prices["h"]}",'
        f'"l":"{prices["l"]}","v":"{close.volume}","n":{close.trades},"x":true,'
        f'"q":"{close.quote_volume}","V":"{close.taker_buy_volume}",'
        f'"Q":"{close.taker_buy_quote_volume}","B":"0"}}}}}}'
    ).encode()


_PRICES = {"o": "open", "h": "high", "l": "low", "c": "close"}


def _text(units: int) -> str:
    whole, rest = divmod(units, 10**8)
    return f"{whole}.{rest:08d}"
