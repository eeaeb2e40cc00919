"""HTML of the data-quality page: verdicts, holes, late records, comparisons, revisions, repairs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from conf.contracts.incidents import IncidentKind
from streamlit_app import formatting as f
from streamlit_app.markup.base import Html, dotted, scrolled, table
from streamlit_app.records.data import (
    HistoryRow,
    IncidentCount,
    ReconcileDifference,
    ReconcileResult,
    ReconcileRun,
    RepairRow,
    RevisionRow,
    VerdictRow,
)
from streamlit_app.records.system import JobRow

GAPS = (
    IncidentKind.GAP_FOUND,
    IncidentKind.GAP_FILLED,
    IncidentKind.GAP_DECLARED,
    IncidentKind.NEVER_EXISTED,
)
LATE = IncidentKind.LATE_TRADES
REJECTIONS = ("malformed", "unknown_schema", "future", "too_old")
"""Reasons for which a record may not enter a candle, as the candles query counts them."""
_REPAIR_LEVELS = {"wanted": "warn", "done": "good", "unchanged": "good", "failed": "bad"}


def verdict_table(rows: Sequence[VerdictRow]) -> str:
    """Return each coin's hours by verdict, with holes; what is not as it should be stands out."""
    if not rows:
        return '<p class="nh dim">No symbol yet.</p>'
    lines = [
        (
            row.symbol,
            f"{row.expected:,}",
            f"{row.complete:,}",
            f"{row.quiet:,}",
            f"{row.history:,}",
            _count(row.partial, "warn"),
            _count(row.disputed, "bad"),
            _count(row.holes, "bad"),
            f"{row.revised:,}",
        )
        for row in rows
    ]
    heads = (
        *("Coin", "Hours", "Complete", "Quiet", "History", "Partial", "Disputed", "Holes"),
        "Revised",
    )
    return table(heads, lines, numbers=tuple(range(1, len(heads))))


def verdict_line(rows: Sequence[VerdictRow], window: str) -> str:
    """Return all coins' hours in one sentence."""
    expected = sum(row.expected for row in rows)
    if not expected:
        return '<p class="nh" data-field="verdicts">No closed hour yet.</p>'
    doubted = sum(row.partial + row.disputed for row in rows)
    holes = sum(row.holes for row in rows)
    level = "bad" if holes or any(row.disputed for row in rows) else "warn" if doubted else "good"
    sure = expected - doubted - holes
    return (
        f'<p class="nh" data-field="verdicts"><span class="nh-dot {level}"></span>'
        f"Last {escape(window)}: {sure:,} of {expected:,} hours are sure "
        f"({f.percent(sure / expected, 3, sign=False)}), {doubted:,} partial or disputed, "
        f"{holes:,} missing.</p>"
    )


def _count(count: int, level: str) -> str | Html:
    return dotted(level, f"{count:,}") if count else "0"


def gap_table(counts: Sequence[IncidentCount], zone: ZoneInfo) -> str:
    """Return holes in the trade ids by coin: found, filled, declared, or ids that never existed."""
    found = {(row.symbol or f.NOTHING, row.kind): row for row in counts if row.kind in GAPS}
    if not found:
        return '<p class="nh dim">No hole in the trade ids in this window.</p>'
    rows = []
    for symbol in sorted({symbol for symbol, _ in found}):
        of_symbol = [found.get((symbol, kind)) for kind in GAPS]
        known = [row for row in of_symbol if row is not None]
        longest = [row.longest_ms for row in known if row.longest_ms is not None]
        rows.append(
            (
                symbol,
                *(_gaps(row) for row in of_symbol),
                f.milliseconds(max(longest)) if longest else f.NOTHING,
                f.both_times(max(row.last_at for row in known), zone),
            )
        )
    heads = ("Coin", "Found", "Filled", "Declared lost", "Never existed", "Longest", "Last")
    return table(heads, rows, numbers=(1, 2, 3, 4, 5))


def _gaps(row: IncidentCount | None) -> str:
    return "0" if row is None else f"{row.count:,} ({row.ids:,} ids)"


def late_table(counts: Sequence[IncidentCount], zone: ZoneInfo) -> str:
    """Return whose records came after their hours could take them."""
    late = [row for row in counts if row.kind == LATE]
    if not late:
        return '<p class="nh dim">No record came too late for its candle in this window.</p>'
    rows = [
        (row.symbol or "several", f"{row.count:,}", f.both_times(row.last_at, zone)) for row in late
    ]
    return table(("Coin", "Times told", "Last"), rows, numbers=(1,))


def rejection_table(jobs: Sequence[JobRow]) -> str:
    """Return how many records each query refused since its start, by reason.

    A refused record's raw bytes are in the topic of dead letters; one that is too old is kept in the
    archive and its hour is repaired.
    """
    rows = []
    for job in jobs:
        sums = _sums(job.detail)
        if sums:
            read = sums.get("read", 0)
            counts = [_count(sums.get(reason, 0), "warn") for reason in REJECTIONS]
            rows.append((job.job, f"{read:,}", *counts))
    if not rows:
        return '<p class="nh dim">No query has counted records yet.</p>'
    heads = ("Query", "Records read", "Malformed", "Unknown schema", "From the future", "Too old")
    return table(heads, rows, numbers=(1, 2, 3, 4, 5))


def _sums(detail: Mapping[str, Any]) -> dict[str, int]:
    """Return a query's observed counts since its start, all observations together."""
    found: dict[str, int] = {}
    observations = detail.get("observed_sums")
    for counts in observations.values() if isinstance(observations, dict) else ():
        for name, count in counts.items():
            found[name] = found.get(name, 0) + int(count)
    return found


def reconcile_line(runs: Sequence[ReconcileRun], wall_now: datetime, zone: ZoneInfo) -> str:
    """Return whether the stores are equal, as the last comparison found."""
    if not runs:
        return (
            '<p class="nh dim">The stores have not been compared yet: '
            "<code>nexthour reconcile</code> does.</p>"
        )
    run = runs[0]
    level, words = ("good", "equal") if run.is_green else ("bad", "not equal")
    green = sum(one.is_green for one in runs)
    return (
        f'<p class="nh" data-field="reconcile"><span class="nh-dot {level}"></span>'
        f"{escape(', '.join(run.stores))} are {words} for the hours from "
        f"{f.both_times(run.from_time, zone)} to {f.both_times(run.until_time, zone)}; compared "
        f"{f.ago(wall_now - run.finished_at)}. {green} of the last {len(runs)} comparisons were "
        "green.</p>"
    )


def reconcile_table(results: Sequence[ReconcileResult]) -> str:
    """Return what the last comparison found: a line per coin, a column per store."""
    stores = sorted({row.store for row in results})
    symbols = list(dict.fromkeys(row.symbol for row in results))
    by_place = {(row.symbol, row.store): row for row in results}
    if not symbols:
        return ""
    rows = [
        (symbol, *(_result(by_place.get((symbol, store))) for store in stores))
        for symbol in symbols
    ]
    return table(("Coin", *stores), rows)


def _result(row: ReconcileResult | None) -> Html:
    if row is None:
        return Html(f.NOTHING)
    wrong = [
        f"{count:,} {word}"
        for count, word in (
            (row.missing, "missing"),
            (row.different, "different"),
            (row.surplus, "too many"),
        )
        if count
    ]
    level = "bad" if wrong or row.equal != row.expected else "good"
    words = f"{row.equal:,} of {row.expected:,} equal" + (f"; {', '.join(wrong)}" if wrong else "")
    return dotted(level, words)


def difference_table(rows: Sequence[ReconcileDifference], zone: ZoneInfo) -> str:
    """Return the hours in which a store differs."""
    if not rows:
        return ""
    lines = [
        (row.symbol, f.both_times(row.open_time, zone), row.store, row.difference) for row in rows
    ]
    return scrolled(table(("Coin", "Hour", "Store", "Difference"), lines))


def revision_table(
    rows: Sequence[RevisionRow], ticks: Mapping[str, Decimal], wall_now: datetime, zone: ZoneInfo
) -> str:
    """Return hours that changed after they were final, with what changed."""
    if not rows:
        return '<p class="nh dim">No closed hour of this window was changed afterwards.</p>'
    lines = [
        (
            row.symbol,
            f.both_times(row.open_time, zone),
            str(row.revision),
            _changes(row, ticks.get(row.symbol, Decimal(1))),
            row.source,
            f.ago(wall_now - row.updated_at),
            row.reason or "",
        )
        for row in rows
    ]
    heads = ("Coin", "Hour", "Revision", "What changed", "Source", "Written", "Reason")
    return scrolled(table(heads, lines, numbers=(2,)))


def _changes(row: RevisionRow, tick: Decimal) -> str:
    parts = []
    if row.verdict != row.old_verdict:
        parts.append(f"{row.old_verdict} → {row.verdict}")
    if row.close != row.old_close:
        parts.append(f"close {f.price(row.old_close, tick)} → {f.price(row.close, tick)}")
    if row.trades != row.old_trades:
        parts.append(f"trades {_trades(row.old_trades)} → {_trades(row.trades)}")
    if row.volume != row.old_volume:
        parts.append(f"volume {f.amount(row.old_volume)} → {f.amount(row.volume)}")
    return "; ".join(parts) or "other figures"


def _trades(count: int | None) -> str:
    return f.NOTHING if count is None else f"{count:,}"


def repair_table(rows: Sequence[RepairRow], wall_now: datetime, zone: ZoneInfo) -> str:
    """Return hours that were asked to be rebuilt: those that wait or failed first."""
    if not rows:
        return '<p class="nh dim">No hour was ever asked to be rebuilt.</p>'
    lines = [
        (
            row.symbol,
            f.both_times(row.open_time, zone),
            dotted(_REPAIR_LEVELS.get(row.state, ""), row.state),
            str(row.revision) if row.revision is not None else f.NOTHING,
            f.ago(wall_now - (row.done_at or row.requested_at)),
            row.reason if row.requests == 1 else f"{row.reason} (asked {row.requests} times)",
            row.detail or "",
        )
        for row in rows
    ]
    heads = ("Coin", "Hour", "State", "Revision", "When", "Why", "Outcome")
    return scrolled(table(heads, lines, numbers=(3,)))


def history_table(rows: Sequence[HistoryRow], wall_now: datetime) -> str:
    """Return what was loaded of each coin's past."""
    if not rows:
        return '<p class="nh dim">Nothing was loaded by <code>nexthour backfill</code>.</p>'
    lines = [
        (
            row.symbol,
            row.source,
            f"{row.rows:,}",
            _count(row.rejected, "warn"),
            f.ago(wall_now - row.loaded_at),
        )
        for row in rows
    ]
    return table(("Coin", "Source", "Hours", "Rejected", "Loaded"), lines, numbers=(2, 3))
