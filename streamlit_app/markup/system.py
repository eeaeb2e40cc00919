"""HTML of the system page: run, what to look at, jobs, stores, newest rows, incidents. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from conf.contracts.incidents import ALARMS
from streamlit_app import formatting as f
from streamlit_app.advice import Finding
from streamlit_app.markup.base import Html, dotted, scrolled, table
from streamlit_app.records.data import ReconcileRun
from streamlit_app.records.run import RunState
from streamlit_app.records.system import (
    CommitRow,
    DatabaseRow,
    Freshness,
    IncidentRow,
    JobRow,
    RecentForecasts,
)

DETAIL_CHARACTERS = 160
_LEVELS = {"running": "good", "restarting": "bad", "failed": "bad", "stopped": "warn"}
# What a report repeats in columns of their own, or in a form for machines.
_TOLD = frozenset(
    {
        "batch_id",
        "batch_ms",
        "durations_ms",
        "lag",
        "observed",
        "observed_sums",
        "reason",
        "rows_per_s",
        "state_bytes",
        "watermark",
    }
)


def run_line(run: RunState, zone: ZoneInfo) -> str:
    """Return what this run is."""
    info = run.info
    if info is None:
        return '<p class="nh">This run has not introduced itself yet.</p>'
    return (
        f'<p class="nh">Namespace <b>{escape(info.namespace)}</b>, venue <b>{escape(info.venue)}</b>, '
        f"prices from <b>{escape(info.source_label)}</b>, {info.speed:g} exchange seconds a second, "
        f"started {f.ago(run.wall_now - info.started_at)} "
        f"({f.both_times(info.started_at, zone)} wall time).</p>"
    )


def finding_list(findings: Sequence[Finding]) -> str:
    """Return what to look at with what to do about it, or that all is well."""
    if not findings:
        return (
            '<p class="nh" data-field="findings"><span class="nh-dot good"></span>'
            "Everything is as it should be.</p>"
        )
    rows = [
        (
            dotted(one.level, one.part),
            one.what,
            with_code(one.do),
        )
        for one in findings
    ]
    classes = ["alarm" if one.level == "bad" else "" for one in findings]
    return (
        '<div data-field="findings">'
        + table(("What to look at", "What is wrong", "What to do"), rows, classes=classes)
        + "</div>"
    )


def with_code(text: str) -> Html:
    """Return a text with what stands between backticks as code."""
    return Html(re.sub("`([^`]+)`", r"<code>\1</code>", escape(text)))


def job_table(jobs: Sequence[JobRow], wall_now: datetime) -> str:
    """Return each job with its state, its last batch, its lag and when it last reported."""
    if not jobs:
        return '<p class="nh dim">No job has reported yet.</p>'
    rows = [
        (
            job.job,
            _state(job.state),
            f.ago(wall_now - job.updated_at),
            _batch(job.detail),
            _lag(job.detail),
            detail_text(job.detail),
        )
        for job in jobs
    ]
    return table(("Job", "State", "Last report", "Last batch", "Lag", "Progress"), rows)


def _state(state: str) -> Html:
    return dotted(_LEVELS.get(state, ""), state)


def _batch(detail: dict[str, Any]) -> str:
    number, took_ms = detail.get("batch_id"), detail.get("batch_ms")
    if not isinstance(number, int):
        return f.NOTHING
    took = f" in {f.milliseconds(took_ms)}" if isinstance(took_ms, int) else ""
    return f"{number:,}{took}"


def _lag(detail: dict[str, Any]) -> str:
    lag = detail.get("lag")
    if not isinstance(lag, dict) or not lag:
        return f.NOTHING
    return f"{sum(int(records) for records in lag.values()):,} records"


def detail_text(detail: dict[str, Any]) -> str:
    """Return the rest of a job's progress report in one short line, why it is red first.

    Zeros are left out: of failures, dropped rows and their like only those that happened are news.
    """
    reason = [str(detail["reason"])] if detail.get("reason") else []
    rest = [
        f"{key.replace('_', ' ')} {f'{value:,}' if isinstance(value, int) else value}"
        for key, value in detail.items()
        if key not in _TOLD and value
    ]
    text = " · ".join(reason + rest) or f.NOTHING
    return text if len(text) <= DETAIL_CHARACTERS else f"{text[: DETAIL_CHARACTERS - 1]}…"


def store_table(
    database: DatabaseRow,
    commits: Sequence[CommitRow],
    reconciled: ReconcileRun | None,
    wall_now: datetime,
    zone: ZoneInfo,
) -> str:
    """Return what is known of the stores: this database, what is committed in it, their comparison."""
    size = f"{database.size_bytes / 2**20:,.0f} MiB"
    rows = [
        (
            "Postgres",
            dotted("good", "answers"),
            f"version {database.version}, {size}",
        )
    ]
    for commit in commits:
        what = f"batch {commit.batch_id:,} committed {f.ago(wall_now - commit.updated_at)}"
        rows.append((f"Commits of {commit.query}", Html(""), what))
    if reconciled is None:
        rows.append(
            (
                "All stores",
                Html("not compared yet"),
                with_code("`nexthour reconcile` compares them"),
            )
        )
    else:
        level, words = ("good", "equal") if reconciled.is_green else ("bad", "differ")
        when = f"{f.both_times(reconciled.from_time, zone)} to {f.both_times(reconciled.until_time, zone)}"
        what = f"{', '.join(reconciled.stores)}; hours from {when}; compared {f.ago(wall_now - reconciled.finished_at)}"
        rows.append(("All stores", dotted(level, words), what))
    return table(("Store", "State", "What is known"), rows)


def forecast_line(recent: RecentForecasts | None, zone: ZoneInfo) -> str:
    """Return the newest hour's forecast run in one line."""
    if recent is None:
        return '<p class="nh dim">No forecast has been made yet.</p>'
    return (
        f'<p class="nh">Newest forecasts: of the hour from {f.both_times(recent.target_open_time, zone)} '
        f"by <b>{escape(recent.model_version)}</b>, {recent.forecasts} made and {recent.refusals} "
        f"refused in {recent.scoring_ms:.0f} ms.</p>"
    )


def freshness_table(newest: Sequence[Freshness], wall_now: datetime, zone: ZoneInfo) -> str:
    """Return each symbol's newest candle and forecast with their ages in wall time."""
    if not newest:
        return '<p class="nh dim">No symbol yet.</p>'

    def pair(hour: datetime | None, written: datetime | None) -> tuple[str, str]:
        if hour is None or written is None:
            return f.NOTHING, f.NOTHING
        return f.both_times(hour, zone), f.ago(wall_now - written)

    rows = [
        (
            row.symbol,
            *pair(row.candle_open_time, row.candle_updated_at),
            *pair(row.forecast_target, row.forecast_written_at),
        )
        for row in newest
    ]
    return table(("Symbol", "Newest hour", "Written", "Newest forecast's hour", "Written"), rows)


def incident_table(incidents: Sequence[IncidentRow], zone: ZoneInfo) -> str:
    """Return incidents, so many that they scroll; alarms stand out."""
    if not incidents:
        return '<p class="nh dim">None so far.</p>'
    rows = [
        (
            f.both_times(row.started_at, zone),
            kind_words(row.kind),
            row.symbol or f.NOTHING,
            f.milliseconds(row.duration_ms),
            _ids(row),
            row.producer or f.NOTHING,
            row.detail or "",
        )
        for row in incidents
    ]
    heads = ("When (exchange)", "Kind", "Symbol", "Lasted", "Ids", "Producer", "Detail")
    classes = ["alarm" if row.kind in ALARMS else "" for row in incidents]
    return scrolled(table(heads, rows, classes=classes))


def kind_words(kind: str) -> Html:
    """Return an incident's kind; an alarm has a colour, a shape and a word."""
    words = kind.replace("_", " ")
    return dotted("bad", f"alarm: {words}") if kind in ALARMS else Html(escape(words))


def _ids(row: IncidentRow) -> str:
    if row.first_id is None or row.last_id is None:
        return f.NOTHING
    if row.first_id == row.last_id:
        return f"{row.first_id:,}"
    return f"{row.first_id:,} – {row.last_id:,}"
