"""Whatever the stream and REST do, one gapless, ordered, duplicate-free series leaves the sequencer."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.contracts.trades import NEVER_EXISTED, Close
from conf.names import HOUR_MS
from producers.messages import ClosedKline, Trade
from producers.questions import FetchKlines, FetchTail, FetchTrades, Policy, Start
from producers.sequence import Output, Sequencer

pytestmark = pytest.mark.unit

SYMBOL = "BTCUSDT"
FIRST_HOUR = 1_700_000 * HOUR_MS
POLICY = Policy(hold_limit=5, fill_grace_s=0.1, kline_grace_ms=3_000)


@dataclass(frozen=True)
class Market:
    """The truth: trades per hour, None for a halted hour.

    `absent` ids never exist before a trade; by `steps_back` ms trade times are earlier than usual.
    """

    first_id: int
    counts: tuple[int | None, ...]
    absent: tuple[int, ...] = ()
    steps_back: tuple[int, ...] = (0,)

    def hours(self) -> list[tuple[int, list[Trade] | None]]:
        hours: list[tuple[int, list[Trade] | None]] = []
        next_id = self.first_id
        for index, count in enumerate(self.counts):
            open_ms = FIRST_HOUR + index * HOUR_MS
            if count is None:
                hours.append((open_ms, None))
                continue
            trades = []
            for i in range(count):
                position = sum(len(t or []) for _, t in hours) + i
                # Not before the first one: a series begins at an id that exists.
                next_id += self.absent[position] if 0 < position < len(self.absent) else 0
                back = self.steps_back[position % len(self.steps_back)]
                trades.append(trade(next_id, open_ms + 100 + i - back))
                next_id += 1
            hours.append((open_ms, trades))
        return hours

    def trades(self) -> list[Trade]:
        return [t for _, trades in self.hours() for t in trades or []]

    def klines(self) -> list[Close]:
        return [kline(o, trades) for o, trades in self.hours() if trades is not None]

    @property
    def later_ms(self) -> int:
        return FIRST_HOUR + len(self.counts) * HOUR_MS + 10_000


def trade(trade_id: int, time_ms: int, source: str = "STREAM") -> Trade:
    return Trade(SYMBOL, trade_id, trade_id * 7, 3, False, time_ms, time_ms, time_ms, source)


def kline(open_ms: int, trades: list[Trade], witness: str = "STREAM") -> Close:
    first, last = (trades[0].trade_id, trades[-1].trade_id) if trades else (-1, -1)
    return Close(open_ms, witness, first, last, len(trades), volume=str(len(trades)))


def start_of(market: Market) -> Start:
    return Start(market.first_id - 1, FIRST_HOUR, FIRST_HOUR, market.first_id)


def answer(
    market: Market, sequencer: Sequencer, now_s: float, lag: int, fails: bool
) -> list[Output]:
    """Ask REST what the sequencer wants; REST may fail or lag `lag` trades behind."""
    request = sequencer.next_request(now_s, market.later_ms)
    if request is None:
        return []
    if fails:
        return sequencer.on_request_failed(request, "REST: 503", now_s, market.later_ms)
    known = market.trades()[: len(market.trades()) - lag]
    match request:
        case FetchTrades(first, last):
            rows = [t._replace(source="REST") for t in known if t.trade_id >= first]
            rows = rows[: last - first + 1]
            return sequencer.on_rest_trades(request, rows, {}, now_s, market.later_ms)
        case FetchKlines(open_ms, needs_first):
            rows_k = [
                replace(k, witness="REST", first_trade_id=None, last_trade_id=None)
                for k in market.klines()
                if k.open_time_ms >= open_ms
            ]
            firsts = [t.trade_id for t in market.trades() if t.trade_time_ms >= open_ms]
            first_id = (
                min(firsts, default=market.trades()[-1].trade_id + 1) if needs_first else None
            )
            return sequencer.on_rest_klines(
                rows_k, first_id, market.later_ms, now_s, market.later_ms
            )
        case FetchTail(next_id):
            times = [t.trade_time_ms for t in market.trades() if t.trade_id >= next_id]
            return sequencer.on_rest_tail(request, min(times, default=None), now_s, market.later_ms)
    raise AssertionError(request)


def run_to_rest(market: Market, sequencer: Sequencer, now_s: float) -> list[Output]:
    """Let REST answer everything, well within the deadline of a hole."""
    outputs: list[Output] = []
    for _ in range(300):
        now_s += 0.05
        outputs += answer(market, sequencer, now_s, lag=0, fails=False)
    return outputs


def check_series(market: Market, outputs: list[Output]) -> None:
    """All trades once in order; a CLOSE per hour that was not halted, after its last trade, in order."""
    published = [t for t in outputs if isinstance(t, Trade)]
    assert [t.trade_id for t in published] == [t.trade_id for t in market.trades()]
    for before, after in itertools.pairwise(published):
        assert after.time_fell == (after.trade_time_ms < before.trade_time_ms)
    assert not any(t.time_fell for t in published[:1])
    records = [r for r in outputs if not isinstance(r, Trade)]
    declared = {i for r in records if r.gap for i in range(r.gap.first_id, r.gap.last_id + 1)}
    ids = {t.trade_id for t in market.trades()}
    assert declared == set(range(min(ids), max(ids) + 1)) - ids
    assert all(r.gap.reason.startswith(NEVER_EXISTED) for r in records if r.gap)
    closes = [r.close for r in records if r.close]
    truth = market.klines()
    assert [replace(c, witness="") for c in closes if c] == [replace(k, witness="") for k in truth]
    last = market.first_id - 1
    for output in outputs:
        if isinstance(output, Trade):
            last = output.trade_id
        elif output.gap is not None:
            last = max(last, output.gap.last_id)
        elif output.close is not None and output.close.trades:
            assert output.close.last_trade_id is not None
            assert output.close.last_trade_id <= last


counts = st.lists(st.one_of(st.none(), st.integers(0, 4)), min_size=1, max_size=5)
markets = st.builds(
    lambda first, steps, middle, last: Market(first, (*middle, last), steps_back=steps),
    st.integers(0, 3),
    st.lists(st.sampled_from([0, 0, 0, 1, 3, 100]), min_size=1, max_size=5).map(tuple),
    counts,
    # The last hour is a traded one: that REST is beyond a halt is what shows the halt.
    st.integers(1, 4),
)


@st.composite
def runs(draw: st.DrawFn) -> tuple[Market, list[Trade | ClosedKline | float]]:
    """A market and what happens: messages dropped, doubled, moved; numbers are REST's moods."""
    market = draw(markets)
    events: list[Trade | ClosedKline | float] = []
    for open_ms, trades in market.hours():
        if trades is not None:
            events += trades
            events.append(ClosedKline(SYMBOL, kline(open_ms, trades), open_ms + HOUR_MS))
    chaotic: list[Trade | ClosedKline | float] = []
    for event in events:
        for _ in range(draw(st.sampled_from([1, 1, 1, 0, 2]))):
            back = draw(st.sampled_from([0, 0, 0, 1, 2, 5]))
            chaotic.insert(max(0, len(chaotic) - back), event)
        chaotic += draw(st.lists(st.sampled_from([0.0, 0.25, 1.0]), max_size=2))
    return market, chaotic


@given(runs())
@settings(max_examples=200, deadline=None)
def test_any_interleaving_gives_the_same_series(
    run: tuple[Market, list[Trade | ClosedKline | float]],
) -> None:
    market, events = run
    sequencer = Sequencer(SYMBOL, POLICY, start_of(market))
    outputs: list[Output] = []
    now_s = 1.0
    for event in events:
        now_s += 0.2
        if isinstance(event, Trade):
            outputs += sequencer.on_trade(event)
        elif isinstance(event, ClosedKline):
            outputs += sequencer.on_kline(event)
        else:
            outputs += answer(market, sequencer, now_s, lag=int(event * 4), fails=event == 1.0)
    outputs += run_to_rest(market, sequencer, now_s)
    check_series(market, outputs)
    assert sequencer.is_settled()


@given(runs(), st.data())
@settings(max_examples=100, deadline=None)
def test_a_restart_anywhere_goes_on_without_loss_or_repetition(
    run: tuple[Market, list[Trade | ClosedKline | float]], data: st.DataObject
) -> None:
    """The second process knows only what was published, as from the topic's tail."""
    market, events = run
    cut = data.draw(st.integers(0, len(events)))
    first = Sequencer(SYMBOL, POLICY, start_of(market))
    outputs: list[Output] = []
    for event in events[:cut]:
        if isinstance(event, Trade):
            outputs += first.on_trade(event)
        elif isinstance(event, ClosedKline):
            outputs += first.on_kline(event)
    outputs = outputs[: data.draw(st.integers(0, len(outputs)))]
    second = Sequencer(SYMBOL, POLICY, start_from(market, outputs))
    for event in events[cut:]:
        if isinstance(event, Trade):
            outputs += second.on_trade(event)
        elif isinstance(event, ClosedKline):
            outputs += second.on_kline(event)
    outputs += run_to_rest(market, second, 100.0)
    check_series(market, outputs)


@given(runs(), st.data())
@settings(max_examples=150, deadline=None)
def test_restarts_holes_and_rest_in_any_order_give_the_same_series(
    run: tuple[Market, list[Trade | ClosedKline | float]], data: st.DataObject
) -> None:
    """Several processes one after the other; of each the last records may not be committed."""
    market, events = run
    cuts = data.draw(st.lists(st.integers(0, len(events)), max_size=3).map(sorted))
    outputs: list[Output] = []
    sequencer = Sequencer(SYMBOL, POLICY, start_of(market))
    now_s, begun = 1.0, 0
    for index, event in enumerate([*events, None]):
        while index in cuts:
            cuts.remove(index)
            # What an earlier process committed stays; a tail of this one's may be lost.
            outputs = outputs[: data.draw(st.integers(begun, len(outputs)))]
            begun = len(outputs)
            sequencer = Sequencer(SYMBOL, POLICY, start_from(market, outputs))
        now_s += 0.2
        if isinstance(event, Trade):
            outputs += sequencer.on_trade(event)
        elif isinstance(event, ClosedKline):
            outputs += sequencer.on_kline(event)
        elif event is not None:
            outputs += answer(market, sequencer, now_s, lag=int(event * 4), fails=event == 1.0)
    outputs += run_to_rest(market, sequencer, now_s)
    check_series(market, outputs)
    assert sequencer.is_settled()


@given(runs(), st.lists(st.sampled_from([0, 0, 0, 1, 3]), max_size=25))
@settings(max_examples=100, deadline=None)
def test_ids_that_never_existed_are_declared_and_the_series_goes_on(
    run: tuple[Market, list[Trade | ClosedKline | float]], absent: list[int]
) -> None:
    """The stream of a market with missing ids, whole and in order; REST may fail in between."""
    market = replace(run[0], absent=tuple(absent))
    sequencer = Sequencer(SYMBOL, POLICY, start_of(market))
    outputs: list[Output] = []
    now_s = 1.0
    moods = [event for event in run[1] if isinstance(event, float)]
    for open_ms, trades in market.hours():
        for one in trades or []:
            outputs += sequencer.on_trade(one)
            now_s += 0.2
            if moods:
                fails = moods.pop() == 1.0
                outputs += answer(market, sequencer, now_s, lag=0, fails=fails)
        if trades is not None:
            closed = ClosedKline(SYMBOL, kline(open_ms, trades), open_ms + HOUR_MS)
            outputs += sequencer.on_kline(closed)
    outputs += run_to_rest(market, sequencer, now_s)
    check_series(market, outputs)


def start_from(market: Market, outputs: list[Output]) -> Start:
    trades = [t for t in outputs if isinstance(t, Trade)]
    closes = [r.close for r in outputs if not isinstance(r, Trade) and r.close]
    traded = [c.last_trade_id for c in closes if c.trades]
    last, time_ms = (
        (trades[-1].trade_id, trades[-1].trade_time_ms)
        if trades
        else (market.first_id - 1, FIRST_HOUR)
    )
    next_hour = closes[-1].open_time_ms + HOUR_MS if closes else FIRST_HOUR
    expected = None if closes and not traded else market.first_id
    if traded and traded[-1] is not None:
        expected = traded[-1] + 1
    return Start(last, time_ms, next_hour, expected)
