"""CLOSE and GAP records of one symbol, with an event time inside their hour. Pure."""

from __future__ import annotations

from conf.contracts.trades import Close, Gap, TradeRecord
from conf.names import HOUR_MS


def close_record(symbol: str, close: Close, last_time_ms: int, now_ms: int) -> TradeRecord:
    """Return the CLOSE record of an hour; `last_time_ms` is the last published trade's time."""
    source = "REST" if close.witness == "REST" else "STREAM"
    inside = close.open_time_ms + HOUR_MS - 1
    if close.witness == "END":
        # The hour is not over: its end would be a time in the future, which readers refuse.
        inside = last_inside(close.open_time_ms, last_time_ms)
    return TradeRecord("CLOSE", symbol, inside, now_ms, source, close=close)


def gap_record(symbol: str, hour: int, gap: Gap, last_time_ms: int, now_ms: int) -> TradeRecord:
    """Return the GAP record of an hour that a hole touches."""
    inside = last_inside(hour, last_time_ms)
    return TradeRecord("GAP", symbol, inside, now_ms, "REST", gap=gap)


def last_inside(hour: int, last_time_ms: int) -> int:
    """Return the last trade's time, or the nearest time inside the hour."""
    return max(hour, min(last_time_ms, hour + HOUR_MS - 1))
