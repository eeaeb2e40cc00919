"""The topic against the exchange's book: every trade, every hour. `differences` is pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conf.contracts.trades import Close, TradeRecord, scaled
from conf.names import utc_time
from tests.chaos.producers.report import SymbolResult
from tests.support.exchange import ExchangeServer
from tests.support.producer_runs import check_against_book, closes_of

PAGE = 1_000
SHOWN = 3

Row = Mapping[str, Any]


def differences(
    symbol: str, records: Sequence[TradeRecord], book: Sequence[Row], first_id: int
) -> SymbolResult:
    """Compare the TRADE and GAP records of a symbol with the exchange's trades.

    Args:
        symbol: upper case.
        records: the topic's records of the symbol, in their order.
        book: the exchange's trades, from its first live one to the topic's last, oldest first.
        first_id: first live trade of the exchange, which must be the topic's first one.

    Returns:
        Counts, and problems as lines; hours are not looked at.
    """
    trades = [record for record in records if record.trade_id is not None]
    ids = [record.trade_id for record in trades if record.trade_id is not None]
    gaps = [record.gap for record in records if record.gap is not None]
    declared = {i for gap in gaps for i in range(gap.first_id, gap.last_id + 1)}
    in_book = {int(row["id"]): row for row in book}
    missing = sorted(in_book.keys() - set(ids))
    invented = sorted(set(ids) - in_book.keys())
    doubled, disordered = _order_faults(ids)
    different = [
        record.trade_id
        for record in trades
        if record.trade_id in in_book and not _is_equal(record, in_book[record.trade_id])
    ]
    problems = []
    if not ids or ids[0] != first_id:
        problems.append(f"{symbol}: begins at {ids[:1]}, the exchange at {first_id}")
    for found, what in (
        (missing, "are missing"),
        (invented, "are not in the book"),
        (different, "differ from the book"),
        (sorted(declared & in_book.keys()), "are declared as a gap, and exist"),
    ):
        if found:
            problems.append(f"{symbol}: {len(found)} ids {what}: {found[:SHOWN]} …")
    if doubled:
        problems.append(f"{symbol}: {doubled} ids are doubled")
    if disordered:
        problems.append(f"{symbol}: {disordered} ids are out of order")
    return SymbolResult(
        symbol=symbol,
        first_id=ids[0] if ids else -1,
        last_id=ids[-1] if ids else -1,
        trades=len(ids),
        from_rest=sum(record.source == "REST" for record in trades),
        missing=len(missing),
        doubled=doubled,
        out_of_order=disordered,
        different=len(different) + len(invented),
        gap_ids=len(declared),
        hours_closed=0,
        hours_closed_by_rest=0,
        quiet_hours=0,
        problems=problems,
    )


def _order_faults(ids: Sequence[int]) -> tuple[int, int]:
    """Return how many ids came again, and how many came after a higher one."""
    seen: set[int] = set()
    doubled = disordered = 0
    highest = -1
    for trade_id in ids:
        if trade_id in seen:
            doubled += 1
        elif trade_id < highest:
            disordered += 1
        seen.add(trade_id)
        highest = max(highest, trade_id)
    return doubled, disordered


def _is_equal(record: TradeRecord, row: Row) -> bool:
    return (record.price, record.quantity, record.trade_time_ms, record.buyer_is_maker) == (
        scaled(row["price"]),
        scaled(row["qty"]),
        row["time"],
        row["isBuyerMaker"],
    )


def compare_symbol(
    exchange: ExchangeServer, symbol: str, records: list[TradeRecord], live_start_ms: int
) -> SymbolResult:
    """Compare a symbol's whole series, trades and hours, with the running exchange's book."""
    candles = exchange.get("/oracle/candles", symbol=symbol, start_ms=live_start_ms, end_ms=2**52)
    assert isinstance(candles, list)
    first_id = next(int(row["first_trade_id"]) for row in candles if row["trades"])
    last_id = max((record.trade_id or -1 for record in records), default=-1)
    book = list(book_trades(exchange, symbol, first_id, last_id))
    result = differences(symbol, records, book, first_id)
    problems = list(result.problems)
    try:
        check_against_book(exchange, symbol, records, gap_ids=result.gap_ids)
    except AssertionError as error:
        # A plain assert has no text: say which hours it is about.
        lines = [str(error)] if str(error) else differing_hours(closes_of(records), candles)
        problems += [f"{symbol}: {' '.join(line.split())}" for line in lines or ["an hour differs"]]
    closes = closes_of(records)
    return result.model_copy(
        update={
            "hours_closed": len(closes),
            "hours_closed_by_rest": sum(close.witness == "REST" for close in closes),
            "quiet_hours": sum(close.trades == 0 for close in closes),
            "problems": problems,
        }
    )


def differing_hours(closes: Sequence[Close], candles: Sequence[Row]) -> list[str]:
    """Return a line for each hour of which the CLOSE record's ids or count are not the book's."""
    by_hour = {row["open_time_ms"]: row for row in candles}
    lines = []
    for close in closes:
        row = by_hour.get(close.open_time_ms, {})
        wanted = tuple(row.get(name) for name in ("first_trade_id", "last_trade_id", "trades"))
        found = (close.first_trade_id, close.last_trade_id, close.trades)
        if found != wanted:
            hour = utc_time(close.open_time_ms).isoformat()
            lines.append(f"hour {hour} by {close.witness}: ids and count {found}, book {wanted}")
    return lines


def book_trades(
    exchange: ExchangeServer, symbol: str, first_id: int, last_id: int
) -> Iterator[Row]:
    """Yield the exchange's trades with ids in [first_id, last_id], oldest first."""
    next_id = first_id
    while next_id <= last_id:
        rows = exchange.get("/oracle/trades", symbol=symbol, from_id=next_id, limit=PAGE)
        assert isinstance(rows, list)
        if not rows:
            return
        yield from (row for row in rows if row["id"] <= last_id)
        next_id = int(rows[-1]["id"]) + 1
