"""The sequencer of one symbol: whatever arrives, one ordered, gapless, duplicate-free series leaves.

Pure: no socket, no Kafka, no clock; times come as arguments. Inputs are trades and closed klines of
the stream and the answers to the questions that `next_request` asks of REST. Outputs are the trades,
CLOSE and GAP records to publish, in this order:

- trades in id order, each id once; ids that cannot be had are covered by GAP records, once; a trade
  whose time lies before that of the trade published before it says so (`time_fell`);
- one CLOSE per symbol and hour, hours in order, after every id up to the hour's last.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from conf.contracts.incidents import Incident
from conf.contracts.trades import NEVER_EXISTED, Close, TradeRecord
from conf.names import hour_open_ms
from producers.gap_watch import GapWatch
from producers.gaps import gaps_by_hour, hole_between, last_rejected
from producers.hole_patience import HolePatience
from producers.hours import Hours
from producers.messages import ClosedKline, Trade
from producers.questions import (
    Counts,
    FetchTail,
    FetchTrades,
    FindStart,
    Policy,
    Request,
    RetryWait,
    Start,
)
from producers.records import close_record, gap_record

PAGE = 1000

Output = Trade | TradeRecord


class Sequencer:
    """The series of one symbol. Not safe for use from several threads.

    Attributes:
        counts: what happened to its trades.
        hours: its open hours; None before the start is known.
        is_silent: set by others when its stream seems dead.
    """

    def __init__(self, symbol: str, policy: Policy, start: Start | None = None) -> None:
        self.symbol = symbol
        self.counts = Counts()
        self.is_silent = False
        self._watch = GapWatch(symbol, policy.producer)
        self._policy = policy
        self._held: dict[int, Trade] = {}
        self._target = -1
        self._patience = HolePatience(policy)
        self._hour_wait = RetryWait(policy)
        self._last = -1
        self._last_time_ms = 0
        self._skip_before_ms = 0
        self.hours: Hours | None = None
        if start is not None:
            self._begin(start)

    @property
    def last_id(self) -> int | None:
        """Last id published or covered by a GAP; None before the start is known."""
        return None if self.hours is None else self._last

    @property
    def last_time_ms(self) -> int:
        """Trade time of the last published trade, UTC epoch ms."""
        return self._last_time_ms

    @property
    def held(self) -> int:
        """Trades that wait behind a hole."""
        return len(self._held)

    @property
    def known_last_id(self) -> int:
        """Highest id that was seen or spoken of, -1 if none was."""
        return max(self._target, -1 if self.hours is None else self.hours.known_last_id())

    @property
    def incidents(self) -> list[Incident]:
        """What happened since `take_incidents` was called last."""
        return self._watch.pending

    def take_incidents(self) -> list[Incident]:
        """Return them, once."""
        return self._watch.take()

    def is_settled(self) -> bool:
        """Tell whether nothing is held and no known id is missing."""
        return not self._held and (self.hours is None or self.known_last_id <= self._last)

    # Inputs from the stream

    def on_trade(self, trade: Trade) -> list[Output]:
        """Take a trade of the stream and return what may be published now."""
        self.counts.received += 1
        if self.hours is None:
            if not self._held:
                self._hour_wait.reset()
            self._hold(trade)
            return []
        trade_id = trade.trade_id
        if trade_id == self._last + 1:
            outputs = self._publish(trade)
            if self._held:
                self.counts.reordered += self._last + 1 in self._held and not self._watch.is_open
                self._drain(outputs)
            if self.hours.pending:
                self._close_hours(outputs, trade.received_time_ms)
            return outputs
        if trade_id <= self._last or trade_id in self._held:
            self.counts.duplicates += 1
        else:
            self._hold(trade)
        return []

    def on_kline(self, kline: ClosedKline) -> list[Output]:
        """Take a closed kline of the stream and return what may be published now.

        One that comes before the start is known is left to REST.
        """
        outputs: list[Output] = []
        if self.hours is not None and self.hours.add_witness(kline.close):
            self._close_hours(outputs, kline.received_time_ms)
        return outputs

    def on_known_id(self, trade_id: int) -> None:
        """Learn from elsewhere that a trade exists: what is missing up to it is a hole."""
        self._target = max(self._target, trade_id)

    # What to ask of REST, and the answers

    def next_request(self, now_s: float, exchange_now_ms: int) -> Request | None:
        """Return the most urgent question to REST, or None.

        Args:
            now_s: monotonic wall time.
            exchange_now_ms: the exchange's time.
        """
        if self.hours is None:
            is_due = self._hour_wait.is_over(now_s)
            return FindStart(min(self._held, default=None)) if is_due else None
        hole = self._hole(now_s)
        if self._hour_wait.is_over(now_s):
            question = self.hours.question(self._last, exchange_now_ms, self._policy.kline_grace_ms)
            if question is not None:
                return question
        if hole is None or not self._patience.is_due(now_s):
            return None
        self._watch.found(hole[0], hole[1], exchange_now_ms)
        return FetchTrades(hole[0], min(hole[1], hole[0] + PAGE - 1))

    def on_start(self, start: Start | None, now_s: float, now_ms: int) -> list[Output]:
        """Take the answer to `FindStart`; None if REST has no trade at all yet."""
        if start is None:
            self._hour_wait.back_off(now_s)
            return []
        self._hour_wait.reset()
        self._begin(start)
        outputs: list[Output] = []
        self._held = {i: t for i, t in self._held.items() if i > self._last}
        self._drain(outputs)
        self._close_hours(outputs, now_ms)
        return outputs

    def on_rest_trades(
        self,
        asked: FetchTrades,
        trades: Sequence[Trade],
        rejected: Mapping[int, str],
        now_s: float,
        now_ms: int,
    ) -> list[Output]:
        """Take the answer to `FetchTrades`.

        Args:
            asked: the request.
            trades: the rows, in any order; rows outside the request are welcome.
            rejected: ids of rows that are no sane trades, with the reason.
            now_s: monotonic wall time.
            now_ms: the exchange's time.
        """
        assert self.hours is not None
        outputs: list[Output] = []
        before = self._last
        for trade in sorted(trades, key=lambda t: t.trade_id):
            if trade.trade_id == self._last + 1:
                outputs += self._publish(trade)
            elif trade.trade_id > self._last:
                self._hold(trade)
        self._drain(outputs)
        while self._last + 1 in rejected:
            first = self._last + 1
            last = last_rejected(first, rejected, self._held)
            outputs += self._declare(first, f"rejected: {rejected[first]}", now_ms, last)
            self._drain(outputs)
        if self._last > before:
            self._patience.helped()
        elif self._last + 1 == asked.first_id:
            outputs += self._no_progress(trades, now_s, now_ms)
        self._count_filled(now_ms)
        self._close_hours(outputs, now_ms)
        return outputs

    def on_rest_klines(
        self,
        rows: Sequence[Close],
        first_id: int | None,
        server_time_ms: int,
        now_s: float,
        now_ms: int,
    ) -> list[Output]:
        """Take the answer to `FetchKlines`; see `Hours.add_rest_answer`."""
        assert self.hours is not None
        outputs: list[Output] = []
        helped = self.hours.add_rest_answer(rows, first_id, server_time_ms)
        self._close_hours(outputs, now_ms)
        # A witness that the trades contradict is dropped at once: REST lags, give it time.
        if helped and not self.hours.needs_witness(now_ms, self._policy.kline_grace_ms):
            self._hour_wait.reset()
        else:
            self._hour_wait.back_off(now_s)
        return outputs

    def on_rest_tail(
        self, asked: FetchTail, next_time_ms: int | None, now_s: float, now_ms: int
    ) -> list[Output]:
        """Take the answer to `FetchTail`: the time of REST's next trade, None if it has none."""
        assert self.hours is not None
        outputs: list[Output] = []
        if self.hours.add_rest_tail(asked.next_id, next_time_ms, now_ms - self._policy.rest_lag_ms):
            self._hour_wait.reset()
        else:
            self._hour_wait.back_off(now_s)
        self._close_hours(outputs, now_ms)
        return outputs

    def on_request_failed(
        self, request: Request, reason: str, now_s: float, now_ms: int
    ) -> list[Output]:
        """Take a failure of REST; declares the hole once it is older than the deadline."""
        outputs: list[Output] = []
        if isinstance(request, FetchTrades) and self._last + 1 == request.first_id:
            outputs = self._give_up_late(reason, now_s, now_ms)
            self._close_hours(outputs, now_ms)
        if isinstance(request, FetchTrades):
            self._patience.not_helped(now_s)
        else:
            self._hour_wait.back_off(now_s)
        return outputs

    def end(self, now_ms: int) -> list[Output]:
        """Finish the series: declare what is missing, close what can be, mark the rest as END."""
        outputs: list[Output] = []
        if self.hours is None:
            if not self._held:
                return []
            first = self._held[min(self._held)]
            hour = hour_open_ms(first.trade_time_ms)
            before = first.trade_id - 1
            self._begin(Start(before, first.trade_time_ms, hour, first.trade_id, first.trade_id))
            self._drain(outputs)
        assert self.hours is not None
        while self.known_last_id > self._last:
            outputs += self._declare(self._last + 1, "series ended", now_ms)
            self._drain(outputs)
        self._close_hours(outputs, now_ms)
        return outputs + self._close_records(self.hours.take_open(), now_ms)

    # Inside

    def _begin(self, start: Start) -> None:
        self._last = start.last_id
        self._last_time_ms = start.last_time_ms
        self._skip_before_ms = start.skip_before_ms
        self.hours = Hours(start.next_hour_ms, start.expected_first, start.begins_at_id)
        for absent in start.absent:
            self.hours.absent(*absent)

    def _publish(self, trade: Trade) -> list[Output]:
        """Advance over the next trade; returns it, or nothing if it is before the first hour."""
        assert self.hours is not None
        self._last = trade.trade_id
        if trade.trade_time_ms < self._skip_before_ms:
            self.counts.skipped += 1
            if self.hours.expected_first == trade.trade_id:
                self.hours.expected_first = trade.trade_id + 1
            return []
        if trade.trade_time_ms < self._last_time_ms:
            trade = trade._replace(time_fell=True)
        self._last_time_ms = trade.trade_time_ms
        self.counts.published += 1
        if trade.source == "REST":
            self.counts.from_rest += 1
        self.hours.published(trade.trade_id, trade.trade_time_ms)
        return [trade]

    def _hold(self, trade: Trade) -> None:
        if len(self._held) < self._policy.hold_limit:
            self._held[trade.trade_id] = trade
        else:
            # REST is asked for it: the hole reaches to the highest id that was seen.
            self.counts.not_held += 1
        self._target = max(self._target, trade.trade_id)

    def _drain(self, outputs: list[Output]) -> None:
        held = self._held
        while (trade := held.pop(self._last + 1, None)) is not None:
            outputs += self._publish(trade)

    def _hole(self, now_s: float) -> tuple[int, int] | None:
        first = self._last + 1
        last = min(self._held) - 1 if self._held else self.known_last_id
        if last < first:
            self._patience.close()
            return None
        self._patience.see(first, now_s)
        return first, last

    def _no_progress(self, trades: Sequence[Trade], now_s: float, now_ms: int) -> list[Output]:
        later = [t.trade_id for t in trades if t.trade_id > self._last]
        self._patience.not_helped(now_s)
        if not later:
            return self._give_up_late("not in REST", now_s, now_ms)
        if not self._patience.is_passed_over():
            return []
        outputs = self._declare(self._last + 1, f"{NEVER_EXISTED}: REST has only later ids", now_ms)
        self._patience.helped()
        self._drain(outputs)
        return outputs

    def _give_up_late(self, reason: str, now_s: float, now_ms: int) -> list[Output]:
        if not self._patience.is_over(now_s):
            return []
        outputs = self._declare(self._last + 1, reason, now_ms)
        self._drain(outputs)
        return outputs

    def _declare(
        self, first: int, reason: str, now_ms: int, last: int | None = None
    ) -> list[Output]:
        """Cover the hole by GAP records, one for each hour that it may touch."""
        assert self.hours is not None
        following = self._held.get(min(self._held, default=-1))
        if last is None:
            last = self.known_last_id if following is None else following.trade_id - 1
        time_after = now_ms if following is None else following.trade_time_ms
        hole = hole_between(first, last, self._last_time_ms, time_after, self.hours.next_open_ms)
        gaps = gaps_by_hour(hole, self.hours.pending.values(), reason)
        self.counts.gap_ids += last - first + 1
        name = reason.split(":")[0]
        self.counts.gaps_by_reason[name] = self.counts.gaps_by_reason.get(name, 0) + 1
        self._watch.declared(first, last, reason, now_ms)
        if reason.startswith(NEVER_EXISTED):
            self.hours.absent(hour_open_ms(time_after), first, last)
        self._last = last
        return [
            gap_record(self.symbol, hour, gap, self._last_time_ms, now_ms) for hour, gap in gaps
        ]

    def _count_filled(self, now_ms: int) -> None:
        if self._held or self.known_last_id > self._last or not self._watch.is_open:
            return
        self.counts.gaps_filled += 1
        self._watch.filled(now_ms)

    def _close_hours(self, outputs: list[Output], now_ms: int) -> None:
        assert self.hours is not None
        outputs += self._close_records(self.hours.take_closable(self._last), now_ms)
        for hour in self.hours.take_halted():
            self._watch.halted(hour)
        for hour in self.hours.take_disputed():
            self._watch.disputed(hour)

    def _close_records(self, closes: Sequence[Close], now_ms: int) -> list[Output]:
        return [close_record(self.symbol, close, self._last_time_ms, now_ms) for close in closes]
