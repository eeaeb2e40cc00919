"""HTML of the feeds: one line per symbol with its state in colour and in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from conf.contracts.feed import FeedState
from conf.exchange_time import FRESH_S
from streamlit_app import formatting as f
from streamlit_app.markup.base import Html, dotted, table
from streamlit_app.records.run import RunState
from streamlit_app.records.system import FeedRow

NO_REPORT = "no report yet"
_STATES = {
    FeedState.LIVE: ("good", "live"),
    FeedState.STARTING: ("warn", "starting"),
    FeedState.FILLING: ("warn", "filling a hole"),
    FeedState.SILENT: ("bad", "silent: trades are overdue"),
    FeedState.DISCONNECTED: ("bad", "disconnected"),
    FeedState.STOPPED: ("warn", "stopped"),
}


@dataclass(frozen=True, slots=True)
class Health:
    """A feed's colour (`good`, `warn`, `bad`, or nothing) and the words that say the same."""

    level: str
    words: str


def health(row: FeedRow, wall_now: datetime) -> Health:
    """Judge a feed by its state and by how long ago it was reported (wall time)."""
    if row.state is None or row.updated_at is None:
        return Health("", NO_REPORT)
    age = wall_now - row.updated_at
    if row.state == FeedState.STOPPED:
        return Health("warn", f"stopped {f.ago(age)}")
    if age > timedelta(seconds=FRESH_S):
        return Health("bad", f"no report for {f.span(age)}, then {row.state}")
    states = {state.value: found for state, found in _STATES.items()}
    return Health(*states.get(row.state, ("warn", row.state)))


def feed_summary(rows: Sequence[FeedRow], wall_now: datetime) -> str:
    """Return how many feeds are well, and which are not, in one line."""
    found = [(row.symbol, health(row, wall_now)) for row in rows]
    well = sum(each.level == "good" for _, each in found)
    others = ", ".join(f"{symbol} ({each.words})" for symbol, each in found if each.level == "bad")
    level = "bad" if others else "good" if well == len(found) else "warn"
    look = f"; look at {escape(others)}" if others else ""
    return (
        f'<p class="nh" data-field="feeds"><span class="nh-dot {level}"></span>'
        f"{well} of {len(found)} feeds live{look}.</p>"
    )


def feed_table(rows: Sequence[FeedRow], run: RunState, zone: ZoneInfo) -> str:
    """Return each symbol's feed; ages are on the exchange's clock as far as it is known."""
    if all(row.state is None for row in rows):
        return (
            '<p class="nh dim">No producer has reported yet; this fills by itself once one runs '
            "and the monitor writes down what it says.</p>"
        )
    lines = [
        (
            row.symbol,
            _state(health(row, run.wall_now)),
            f"{row.last_trade_id:,}" if row.last_trade_id is not None else f.NOTHING,
            _since(row.last_trade_time, run.exchange_now),
            f.milliseconds(row.lag_ms),
            f"{row.held:,}" if row.held is not None else f.NOTHING,
            row.producer or f.NOTHING,
            f.both_times(row.connected_since, zone) if row.connected_since else f.NOTHING,
        )
        for row in rows
    ]
    heads = (
        *("Symbol", "State", "Last id", "Last trade", "Lag", "Held", "Producer"),
        "Connected since (exchange)",
    )
    return feed_summary(rows, run.wall_now) + table(heads, lines, numbers=(2, 3, 4, 5))


def _state(found: Health) -> Html:
    return dotted(found.level, found.words)


def _since(time: datetime | None, now: datetime | None) -> str:
    if time is None or now is None:
        return f.NOTHING
    return f.ago(max(timedelta(0), now - time))
