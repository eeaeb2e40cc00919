"""Which hour of a symbol may be closed, and with what witness. Pure; a part of the sequencer.

The rule: hours close in order; an hour closes as soon as its witness is known and every id up to the
witness's last id is published or covered by a GAP. Trades of later hours may come before its CLOSE,
and a CLOSE never waits for them when its witness came from the stream.

A witness from REST has no ids. They are derived (first = last id of the hour before + 1, last =
first + count - 1, ids that never existed left out of the count and of the first) and count only once it is shown that the hour ends there: by a published trade of a
later hour, or by REST having no further trade of the hour.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from conf.contracts.trades import Close
from conf.names import HOUR_MS, hour_open_ms
from producers.questions import FetchKlines, FetchTail

# After so many contradicting answers the witness is published as it is, and the candle is disputed.
MAX_CONTRADICTIONS = 5


@dataclass(slots=True)
class IdRange:
    """First and last id published in an hour."""

    first: int
    last: int


@dataclass(slots=True)
class HourCounts:
    """What happened to hours, since the start of the process."""

    closed: int = 0
    closed_by_rest: int = 0
    halted: int = 0
    late_klines: int = 0


class Hours:
    """The open hours of one symbol.

    Attributes:
        next_open_ms: the earliest hour that is not closed.
        expected_first: first id of that hour if known: the last id of the hour before + 1.
        pending: witnesses of hours not closed yet.
    """

    def __init__(
        self, next_open_ms: int, expected_first: int | None, begins_at_id: int | None = None
    ) -> None:
        self.next_open_ms = next_open_ms
        self.expected_first = expected_first
        self.counts = HourCounts()
        self.pending: dict[int, Close] = {}
        self._begins_at_id = begins_at_id
        self._published: dict[int, IdRange] = {}
        self._current = IdRange(0, -1)
        self._current_from = self._current_to = 0
        self._halted: set[int] = set()
        self._passed_halted: list[int] = []
        self._disputed: list[int] = []
        self._absent: dict[int, list[IdRange]] = {}
        self._proven: int | None = None
        self._contradictions = 0

    def published(self, trade_id: int, time_ms: int) -> None:
        """Note a trade that was published."""
        if self._current_from <= time_ms < self._current_to:
            self._current.last = trade_id
            return
        self._current_from = hour_open_ms(time_ms)
        self._current_to = self._current_from + HOUR_MS
        known = self._published.get(self._current_from)
        if known is None:
            known = self._published[self._current_from] = IdRange(trade_id, trade_id)
        known.last = trade_id
        self._current = known

    def absent(self, hour: int, first: int, last: int) -> None:
        """Note ids that never existed, before a trade of this hour: its kline does not count them."""
        self._absent.setdefault(hour, []).append(IdRange(first, last))
        self._derive_next()  # a witness may have come before

    def add_witness(self, close: Close) -> bool:
        """Note the stream's witness of an hour; it replaces one from REST.

        Returns:
            False if that hour is closed already.
        """
        if close.open_time_ms < self.next_open_ms:
            self.counts.late_klines += 1
            return False
        self.pending[close.open_time_ms] = close
        self._halted.discard(close.open_time_ms)
        return True

    def add_rest_answer(
        self, rows: Sequence[Close], first_id: int | None, server_time_ms: int
    ) -> bool:
        """Note the rows of REST `klines` from the next hour on.

        Args:
            rows: witnesses without ids, hour by hour; the last may be of a running hour.
            first_id: first trade id of the next hour from `aggTrades`, where it was asked for.
            server_time_ms: the exchange's time, asked before the rows.

        Returns:
            True if an hour became known, as traded, quiet or halted.
        """
        by_hour = {row.open_time_ms: row for row in rows}
        newest = max(by_hour, default=-1)
        if self.expected_first is None and first_id is not None:
            self.expected_first = first_id
        helped = False
        hour = self.next_open_ms
        while hour + HOUR_MS <= server_time_ms and hour <= newest:
            if hour in by_hour:
                helped |= self.pending.setdefault(hour, by_hour[hour]) is by_hour[hour]
            elif hour not in self.pending and hour not in self._published:
                self._halted.add(hour)
                helped = True
            elif hour == self.next_open_ms:
                self._contradict(hour)
            hour += HOUR_MS
        self._derive_next()
        return helped

    def add_rest_tail(
        self, next_id: int, next_time_ms: int | None, complete_until_ms: float = 2.0**62
    ) -> bool:
        """Note what REST has from id `next_id` on: the time of its next trade, or None for nothing.

        Args:
            next_id: the id after the witness's last.
            next_time_ms: time of the first trade from there on.
            complete_until_ms: REST's database may lack what happened after this; then its silence
                proves nothing, and its kline is asked for again.

        Returns:
            True if that proves the next hour's witness.
        """
        witness = self.unproven()
        if witness is None or next_id != self._first_after(witness):
            return False
        end_ms = witness.open_time_ms + HOUR_MS
        if next_time_ms is None and complete_until_ms < end_ms:
            self.pending.pop(witness.open_time_ms)
            return False
        if next_time_ms is None or next_time_ms >= end_ms:
            self._proven = witness.open_time_ms
            return True
        self._contradict(witness.open_time_ms)
        return False

    def needs_witness(self, exchange_now_ms: int, grace_ms: float) -> bool:
        """Tell whether the next hour is over and its witness did not come in time."""
        if self.next_open_ms in self.pending or self.next_open_ms in self._halted:
            return False
        return bool(self.pending) or exchange_now_ms >= self.next_open_ms + HOUR_MS + grace_ms

    def unproven(self) -> Close | None:
        """Return the next hour's witness if it is a derived one of which the end is not shown."""
        witness = self.pending.get(self.next_open_ms)
        if witness is None or witness.witness != "REST" or self._proven == witness.open_time_ms:
            return None
        return witness

    def proof_id(self) -> int | None:
        """Return the id after the next hour's derived last one, for which REST must be asked."""
        witness = self.unproven()
        return None if witness is None else self._first_after(witness)

    def question(
        self, last_id: int, exchange_now_ms: int, grace_ms: float
    ) -> FetchKlines | FetchTail | None:
        """Return what is to be asked of REST, so that the next hour can close; None if nothing.

        Args:
            last_id: last id that was published or covered by a GAP.
            exchange_now_ms: the exchange's time.
            grace_ms: see `needs_witness`.
        """
        lacks_first = self.expected_first is None
        is_unclear = lacks_first and self.unproven() is not None
        if is_unclear or self.needs_witness(exchange_now_ms, grace_ms):
            return FetchKlines(self.next_open_ms, needs_first=lacks_first)
        proof_id = self.proof_id()
        if proof_id is not None and proof_id <= last_id + 1:
            return FetchTail(proof_id)
        return None

    def known_last_id(self) -> int:
        """Return the highest id that a witness speaks of, -1 if none does."""
        known = (w.last_trade_id for w in self.pending.values() if w.trades)
        return max((last for last in known if last is not None), default=-1)

    def take_closable(self, last_id: int) -> list[Close]:
        """Return the witnesses of all hours that may close now, in order, and close them.

        Args:
            last_id: every id up to it is published or covered by a GAP.
        """
        closes: list[Close] = []
        while True:
            hour = self.next_open_ms
            witness = self.pending.get(hour)
            if witness is not None:
                if not self._is_due(witness, last_id):
                    return closes
                closes.append(self._close(witness))
            elif hour in self._halted:
                self.counts.halted += 1
                self._passed_halted.append(hour)
                self._advance(hour)
            else:
                return closes

    def take_halted(self) -> list[int]:
        """Return the halted hours that were passed since the last call."""
        passed, self._passed_halted = self._passed_halted, []
        return passed

    def take_disputed(self) -> list[int]:
        """Return the hours whose contradicted witness was taken as it is, since the last call."""
        disputed, self._disputed = self._disputed, []
        return disputed

    def take_open(self) -> list[Close]:
        """Close all hours that have trades or a witness of the stream; without witness, as END."""
        closes = []
        streamed = {hour for hour, w in self.pending.items() if w.witness == "STREAM"}
        for hour in sorted(streamed | self._published.keys()):
            if hour >= self.next_open_ms:
                witness = self.pending[hour] if hour in streamed else Close(hour, "END")
                closes.append(self._close(witness))
        return closes

    def _is_due(self, witness: Close, last_id: int) -> bool:
        if witness.witness == "REST" and not self._is_proven(witness):
            return False
        if not witness.trades:
            return True
        return witness.last_trade_id is not None and last_id >= witness.last_trade_id

    def _is_proven(self, witness: Close) -> bool:
        hour = witness.open_time_ms
        after = self._first_after(witness)
        if after is None:
            return False
        if self._proven == hour:
            return True
        own = self._published.get(hour)
        if own is not None and own.last >= after:
            self._contradict(hour)
            return self._proven == hour
        later = min((h for h in self._published if h > hour), default=None)
        if later is None:
            return False
        if self._published[later].first < after:
            self._contradict(hour)
            return self._proven == hour
        return True

    def _contradict(self, hour: int) -> None:
        """Drop a witness that the trades contradict, so that it is asked for again, some times."""
        self._contradictions += 1
        if self._contradictions < MAX_CONTRADICTIONS:
            self.pending.pop(hour, None)
        elif hour in self.pending:
            self._proven = hour
            self._disputed.append(hour)
        else:
            self._halted.add(hour)

    def _derive_next(self) -> None:
        """Give derived ids to the REST witnesses at the front, as far as the chain reaches."""
        first, hour = self.expected_first, self.next_open_ms
        while True:
            witness = self.pending.get(hour)
            if witness is None and hour not in self._halted:
                return
            if witness is not None and witness.witness == "REST":
                witness = self.pending[hour] = _with_ids(witness, first, self._absent.get(hour, []))
            if witness is not None and witness.trades:
                first = None if witness.last_trade_id is None else witness.last_trade_id + 1
            hour += HOUR_MS

    def _first_after(self, witness: Close) -> int | None:
        if witness.trades:
            return None if witness.last_trade_id is None else witness.last_trade_id + 1
        return self.expected_first

    def _close(self, witness: Close) -> Close:
        if witness.trades:
            assert witness.last_trade_id is not None
            self.expected_first = witness.last_trade_id + 1
        closed = replace(witness, begins_at_id=self._begins_at_id)
        self._begins_at_id = None
        self.counts.closed += 1
        self.counts.closed_by_rest += witness.witness == "REST"
        self._advance(witness.open_time_ms)
        return closed

    def _advance(self, hour: int) -> None:
        self.pending.pop(hour, None)
        self._halted.discard(hour)
        self._published = {h: ids for h, ids in self._published.items() if h > hour}
        self._absent = {h: ids for h, ids in self._absent.items() if h > hour}
        self._proven = None
        self._contradictions = 0
        self.next_open_ms = hour + HOUR_MS
        self._derive_next()


def _with_ids(witness: Close, first: int | None, absent: Sequence[IdRange]) -> Close:
    if not witness.trades:
        return replace(witness, first_trade_id=-1, last_trade_id=-1)
    if first is None:
        return witness
    last = first + witness.trades + sum(ids.last - ids.first + 1 for ids in absent) - 1
    for ids in sorted(absent, key=lambda ids: ids.first):
        if ids.first == first:
            first = ids.last + 1
    return replace(witness, first_trade_id=first, last_trade_id=last)
