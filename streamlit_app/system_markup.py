"""HTML of the system page: run, jobs, feeds, newest rows, incidents. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from conf.contracts.incidents import ALARMS
from streamlit_app import formatting as f
from streamlit_app.markup import Html, table
from streamlit_app.records import Freshness, IncidentRow, JobRow, RunState

DETAIL_CHARACTERS = 160


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


def detail_text(detail: dict[str, Any]) -> str:
    """Return a job's progress report in one short line."""
    text = " · ".join(f"{key} {value}" for key, value in detail.items())
    return text if len(text) <= DETAIL_CHARACTERS else f"{text[: DETAIL_CHARACTERS - 1]}…"


def job_table(jobs: Sequence[JobRow], wall_now: datetime) -> str:
    """Return each job with its state and when it last reported."""
    if not jobs:
        return '<p class="nh dim">No job has reported yet.</p>'
    rows = [
        (job.job, job.state, f.ago(wall_now - job.updated_at), detail_text(job.detail))
        for job in jobs
    ]
    return table(("Job", "State", "Last report", "Progress"), rows)


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
    """Return the newest incidents, so many that they scroll; alarms stand out."""
    if not incidents:
        return '<p class="nh dim">None so far.</p>'
    rows = [
        (
            f.both_times(row.started_at, zone),
            _kind(row.kind),
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
    return f'<div class="nh-scroll">{table(heads, rows, classes=classes)}</div>'


def _kind(kind: str) -> Html:
    words = escape(kind.replace("_", " "))
    return Html(f'<span class="nh-dot bad"></span>alarm: {words}' if kind in ALARMS else words)


def _ids(row: IncidentRow) -> str:
    if row.first_id is None or row.last_id is None:
        return f.NOTHING
    if row.first_id == row.last_id:
        return f"{row.first_id:,}"
    return f"{row.first_id:,} – {row.last_id:,}"
