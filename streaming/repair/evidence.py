"""What can be had of an hour: its archived trades, the missing ones from REST, the exchange's kline."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from conf.contracts.candles import Candle
from conf.contracts.trades import Close
from conf.names import HOUR_MS
from producers.errors import BadMessage
from producers.messages import Parser
from producers.rest_client import RestClient
from producers.served_trades import PAGE, UNKNOWN
from streaming.candles.verdict import Hour, judge
from streaming.errors import StreamingError
from streaming.reconcile.exchange import klines_of
from streaming.reconcile.ranges import HourRange
from streaming.repair.rebuild import HourTrade, build_hour

NO_ANSWER = "REST does not have it"


class NoEvidenceError(StreamingError):
    """An hour cannot be rebuilt; the message says why, in one line."""


@dataclass(slots=True)
class Evidence:
    """All that is known of one hour.

    Attributes:
        symbol: upper case.
        open_time_ms: its open time, UTC epoch ms.
        witness: the exchange's kline, with ids unless the hour is quiet.
        trades: by id.
        missing: ids that could not be had, and why.
        absent: ids of which REST showed that they never existed.
        neighbours: trades whose ids lie in the hour and whose times do not.
        from_archive: how many of the trades the archive had.
    """

    symbol: str
    open_time_ms: int
    witness: Close
    trades: dict[int, HourTrade]
    missing: dict[int, str] = field(default_factory=dict)
    absent: set[int] = field(default_factory=set)
    neighbours: dict[int, HourTrade] = field(default_factory=dict)
    from_archive: int = 0

    def hour(self) -> Hour:
        """Return the hour, to be judged as the stream judges."""
        last = max(self.trades.keys() | self.missing.keys(), default=-1)
        first = min(self.trades.keys() | self.missing.keys(), default=0)
        absent = sum(first < trade_id < last for trade_id in self.absent)
        witness = self.witness
        if witness.trades:
            witness = replace(witness, last_trade_id=_last_real(witness, self.absent))
        return build_hour(
            self.symbol,
            self.open_time_ms,
            self.trades.values(),
            witness,
            gap_ids=len(self.missing),
            absent_ids=absent,
            neighbours=self.neighbours.values(),
        )

    def candle(self) -> Candle:
        """Return the judged candle, revision not set."""
        return judge(self.hour())

    def knows(self, trade_id: int) -> bool:
        """Tell whether something was found out of an id."""
        return trade_id in self.trades or trade_id in self.missing or trade_id in self.neighbours

    @property
    def why_missing(self) -> str:
        """One line on the ids that could not be had; empty if all are there."""
        if not self.missing:
            return ""
        ids = sorted(self.missing)
        return f"{len(ids)} ids cannot be had ({ids[0]}…{ids[-1]}: {self.missing[ids[0]]})"


def _last_real(witness: Close, absent: set[int]) -> int | None:
    """Return the last id of the hour, without ids at its end that never existed."""
    last = witness.last_trade_id
    while last is not None and last in absent:
        last -= 1
    return last


async def gather_evidence(
    rest: RestClient,
    parser: Parser,
    symbol: str,
    open_time_ms: int,
    archived: Iterable[HourTrade],
    now_ms: int,
) -> Evidence:
    """Return what is known of a closed hour.

    Which ids belong to it comes from the exchange: from its first aggregate trade to the one before
    the first of the next hour. What the archive lacks of them is asked of REST.

    Args:
        rest: an open client.
        parser: for rows of trades.
        symbol: upper case.
        open_time_ms: open time of the hour, which is over.
        archived: trades with a time in the hour, each id once.
        now_ms: the exchange's time.

    Raises:
        NoEvidenceError: if the exchange has no such hour.
        RestError: if it does not answer.
    """
    klines = await klines_of(rest, symbol, HourRange(open_time_ms, open_time_ms + HOUR_MS))
    kline = klines.get(open_time_ms)
    if kline is None:
        message = "the exchange has no kline of this hour: it was halted, or not listed yet"
        raise NoEvidenceError(message)
    trades = {trade.trade_id: trade for trade in archived}
    evidence = Evidence(symbol, open_time_ms, kline, trades, from_archive=len(trades))
    if not kline.trades:
        return evidence
    first, last = await _id_range(rest, symbol, open_time_ms, kline)
    await _fill(rest, parser, evidence, first, last, now_ms)
    if len(trades) < kline.trades and not evidence.missing:
        last = await _beyond(rest, parser, evidence, last, now_ms)
    evidence.witness = replace(kline, first_trade_id=first, last_trade_id=last)
    return evidence


async def _id_range(
    rest: RestClient, symbol: str, open_time_ms: int, kline: Close
) -> tuple[int, int]:
    count = kline.trades or 0
    row = await rest.first_aggregate_since(symbol, open_time_ms)
    if row is None or int(row["T"]) >= open_time_ms + HOUR_MS:
        message = f"the exchange counts {count} trades and has no aggregate trade of the hour"
        raise NoEvidenceError(message)
    first = int(row["f"])
    following = await rest.first_aggregate_since(symbol, open_time_ms + HOUR_MS)
    by_count = first + count - 1
    return first, max(int(following["f"]) - 1, by_count) if following else by_count


async def _fill(
    rest: RestClient, parser: Parser, evidence: Evidence, first: int, last: int, now_ms: int
) -> None:
    """Ask REST for all ids of a range that are not there yet, page by page."""
    wanted = [trade_id for trade_id in range(first, last + 1) if trade_id not in evidence.trades]
    position, since_ms = 0, evidence.open_time_ms
    while position < len(wanted):
        from_id = wanted[position]
        limit = min(PAGE, wanted[-1] - from_id + 1)
        if from_id - 1 in evidence.trades:
            since_ms = evidence.trades[from_id - 1].trade_time_ms
        rows = await rest.historical_trades(evidence.symbol, limit, from_id, since_ms=since_ms)
        seen = _take(parser, evidence, rows, last, now_ms)
        while position < len(wanted) and wanted[position] <= seen:
            if not evidence.knows(wanted[position]):
                # Rows come in the order of their ids: a later one shows that this one is not.
                evidence.absent.add(wanted[position])
            position += 1
        if seen < from_id:
            evidence.missing |= dict.fromkeys(wanted[position:], NO_ANSWER)
            return


async def _beyond(
    rest: RestClient, parser: Parser, evidence: Evidence, last: int, now_ms: int
) -> int:
    """Take trades of the hour with ids after one of the next hour: times may fall as ids rise.

    Returns:
        The last id that belongs to the hour.
    """
    rows = await rest.historical_trades(
        evidence.symbol, PAGE, last + 1, since_ms=evidence.open_time_ms
    )
    end_ms = evidence.open_time_ms + HOUR_MS
    own = [row["id"] for row in rows if UNKNOWN not in row and int(row["time"]) < end_ms]
    furthest = max(own, default=last)
    _take(parser, evidence, rows, furthest, now_ms)
    return int(furthest)


def _take(parser: Parser, evidence: Evidence, rows: list[Any], last: int, now_ms: int) -> int:
    """Take the trades of a page; return its highest id, -1 if it has none."""
    seen = -1
    end_ms = evidence.open_time_ms + HOUR_MS
    for row in rows:
        if not isinstance(row, dict) or type(row.get("id")) is not int:
            continue
        trade_id = row["id"]
        seen = max(seen, trade_id)
        if trade_id > last or trade_id in evidence.trades:
            continue
        if UNKNOWN in row:
            evidence.missing[trade_id] = str(row[UNKNOWN])
            continue
        try:
            trade = parser.rest_trade(row, evidence.symbol, now_ms)
        except BadMessage as error:
            evidence.missing[trade_id] = str(error)
            continue
        is_own = evidence.open_time_ms <= trade.trade_time_ms < end_ms
        found = evidence.trades if is_own else evidence.neighbours
        found[trade_id] = HourTrade(
            trade_id, trade.price, trade.quantity, trade.buyer_is_maker, trade.trade_time_ms
        )
    return seen
