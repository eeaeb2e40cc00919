"""A sequencer without the rest of the producer: its inputs, and its outputs in few words."""

from __future__ import annotations

from conf.contracts.trades import Close, TradeRecord
from conf.names import HOUR_MS
from producers.messages import ClosedKline, Trade
from producers.questions import Policy, Start
from producers.sequence import Output, Sequencer

H0 = 1_700_000 * HOUR_MS
H1, H2, H3 = H0 + HOUR_MS, H0 + 2 * HOUR_MS, H0 + 3 * HOUR_MS
POLICY = Policy(hold_limit=3, fill_grace_s=0.1, fill_deadline_s=10.0, kline_grace_ms=3_000)


def trade(trade_id: int, time_ms: int = H0 + 5, source: str = "STREAM") -> Trade:
    """Return a trade of the first hour."""
    return Trade("BTCUSDT", trade_id, 7, 3, False, time_ms, time_ms, time_ms, source)


def kline(hour: int, first: int, last: int, count: int | None = None) -> ClosedKline:
    """Return the stream's closed kline of an hour; quiet if `first` is negative."""
    count = (0 if first < 0 else last - first + 1) if count is None else count
    return ClosedKline("BTCUSDT", Close(hour, "STREAM", first, last, count), hour + HOUR_MS)


def rest_kline(hour: int, count: int) -> Close:
    """Return REST's kline of an hour, which has no ids."""
    return Close(hour, "REST", trades=count)


def begun(last_id: int = 9, begins_at_id: int | None = None, skip: int = 0) -> Sequencer:
    """Return a sequencer whose next id is `last_id` + 1, at the begin of the first hour."""
    start = Start(last_id, H0, H0, last_id + 1, begins_at_id, skip)
    return Sequencer("BTCUSDT", POLICY, start)


def brief(outputs: list[Output]) -> list[str]:
    """Say 't10', 'close 0 STREAM' or 'gap 1 10-12': hours are counted from H0."""
    words = []
    for output in outputs:
        if isinstance(output, Trade):
            words.append(f"t{output.trade_id}")
        elif output.close is not None:
            words.append(
                f"close {(output.close.open_time_ms - H0) // HOUR_MS} {output.close.witness}"
            )
        elif output.gap is not None:
            hour = (output.trade_time_ms - H0) // HOUR_MS
            words.append(f"gap {hour} {output.gap.first_id}-{output.gap.last_id}")
    return words


def close_of(output: Output) -> Close:
    """Return what a CLOSE record says."""
    assert isinstance(output, TradeRecord)
    assert output.close is not None
    return output.close


def ask(sequencer: Sequencer, now_s: float, now_ms: int = H0 + 60_000) -> object:
    """Ask twice, so that the grace of a hole is over."""
    sequencer.next_request(now_s - 0.2, now_ms)
    return sequencer.next_request(now_s, now_ms)
