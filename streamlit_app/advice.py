"""What is not as it should be, and what a person does about it. Pure; the clock is an argument.

Each rule looks at one part of the system and returns what is wrong with it, in the words of
`docs/operations.md`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from conf.contracts.feed import FeedState
from conf.exchange_time import freshness
from streamlit_app import formatting as f
from streamlit_app.records.data import ReconcileRun
from streamlit_app.records.forecasts import ModelEventRow, ModelRow
from streamlit_app.records.run import RunState
from streamlit_app.records.system import FeedRow, JobRow, RecentForecasts

# Queries report about once a second; this is three missed looks of a slow machine.
JOB_SILENT = timedelta(seconds=60)
FEED_SILENT = timedelta(seconds=15)
# Trades of some seconds of a lively market; a query that is further behind is not merely between two
# batches.
LAGGING_RECORDS = 50_000
# Repairs are looked for every minute or so, and some need REST pages.
REPAIR_WAITS = timedelta(minutes=30)
DRIFT_COUNTS = timedelta(days=7)
PROJECTION_LATE = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at: `level` is `bad` or `warn`."""

    level: str
    part: str
    what: str
    do: str


@dataclass(frozen=True)
class Situation:
    """All that the rules look at; `origin` is of the newest long projection."""

    run: RunState
    jobs: Sequence[JobRow] = ()
    feeds: Sequence[FeedRow] = ()
    models: Sequence[ModelRow] = ()
    recent: RecentForecasts | None = None
    training: ModelEventRow | None = None
    drift: ModelEventRow | None = None
    reconciled: ReconcileRun | None = None
    repairs_waiting: int = 0
    repairs_since: datetime | None = None
    origin: datetime | None = None


def findings(now: Situation) -> list[Finding]:
    """Return what is wrong, the gravest first."""
    rules = (_data, _jobs, _feeds, _model, _forecasts, _stores, _repairs, _projection)
    found = [finding for rule in rules for finding in rule(now)]
    return sorted(found, key=lambda finding: finding.level != "bad")


def _data(now: Situation) -> list[Finding]:
    age = now.run.data_age
    if age is None or freshness(age) != "stale":
        return []
    return [
        Finding(
            "bad",
            "Data",
            f"nothing new for {f.span(age)}",
            "see the jobs and feeds below; `nexthour status` tells which part has ended, "
            "`nexthour logs PART` why",
        )
    ]


def _jobs(now: Situation) -> list[Finding]:
    found = []
    for job in now.jobs:
        silent = now.run.wall_now - job.updated_at
        reason = str(job.detail.get("reason", ""))
        if job.state in {"failed", "restarting"}:
            found.append(
                Finding(
                    "bad",
                    f"Query {job.job}",
                    f"{job.state}: {reason}" if reason else job.state,
                    "it starts again by itself; if that repeats, the reason names the store to mend",
                )
            )
        elif job.state == "stopped":
            found.append(
                Finding("warn", f"Query {job.job}", "stopped", "start the application again")
            )
        elif silent > JOB_SILENT:
            found.append(
                Finding(
                    "bad",
                    f"Query {job.job}",
                    f"no report for {f.span(silent)}",
                    "look at the driver's log; a restart is safe at any time",
                )
            )
        found += _sums(job)
    return found


def _sums(job: JobRow) -> list[Finding]:
    """Return what a query's own figures say; dropped rows and imbalances must stay 0."""
    part, detail = f"Query {job.job}", job.detail
    found = [
        Finding("bad", part, f"{_count(detail, name):,} {words}", do)
        for name, words, do in (
            (
                "dropped_rows",
                "rows dropped by the watermark",
                "`nexthour reconcile` over the hours, then `nexthour repair`; keep the log",
            ),
            (
                "imbalances",
                "batches whose counts do not add up",
                "`nexthour reconcile` over the hours of the batch, then `nexthour repair`; keep the log",
            ),
        )
        if _count(detail, name)
    ]
    lag = detail.get("lag")
    for topic, records in sorted(lag.items() if isinstance(lag, dict) else ()):
        if isinstance(records, int) and records > LAGGING_RECORDS:
            what = f"{records:,} records behind on {topic}"
            do = "it catches up by itself after a pause; if the lag grows, give it more cores"
            found.append(Finding("warn", part, what, do))
    return found


def _count(detail: dict[str, Any], name: str) -> int:
    value = detail.get(name)
    return value if isinstance(value, int) else 0


def _feeds(now: Situation) -> list[Finding]:
    found = []
    for feed in now.feeds:
        if feed.state is None or feed.updated_at is None or feed.state == FeedState.STOPPED:
            continue
        silent = now.run.wall_now - feed.updated_at
        if silent > FEED_SILENT:
            what, do = (
                f"no report for {f.span(silent)}",
                "is its producer running? `nexthour status`",
            )
        elif feed.state == FeedState.SILENT:
            what = "trades are overdue"
            do = (
                "the producer compares with REST and reconnects; halted pairs are told as incidents"
            )
        elif feed.state == FeedState.DISCONNECTED:
            what, do = "disconnected", "it reconnects by itself; is the exchange reachable?"
        else:
            continue
        found.append(Finding("bad", f"Feed {feed.symbol}", what, do))
    return found


def _model(now: Situation) -> list[Finding]:
    found = []
    exchange = now.run.exchange_now
    serving = now.models[0] if now.models else None
    if serving is None:
        if now.run.newest_open_time is not None:
            do = "the first one is trained by the life cycle; `nexthour logs lifecycle`"
            found.append(Finding("warn", "Model", "no version yet", do))
    elif exchange is not None and serving.expires_at is not None and exchange >= serving.expires_at:
        what = f"{serving.version} has expired"
        found.append(
            Finding("bad", "Model", what, "the life cycle trains anew; `nexthour logs lifecycle`")
        )
    if now.training is not None and now.training.kind == "failed":
        do = "`nexthour logs lifecycle`; it tries again by itself"
        found.append(Finding("bad", "Life cycle", f"training failed: {now.training.reason}", do))
    drift = now.drift
    if drift is not None and exchange is not None and exchange - drift.happened_at < DRIFT_COUNTS:
        do = "the life cycle asks for a training by itself"
        found.append(Finding("warn", "Model", f"drift: {drift.reason}", do))
    return found


def _forecasts(now: Situation) -> list[Finding]:
    recent = now.recent
    if recent is None or not recent.refusals:
        return []
    total = recent.forecasts + recent.refusals
    what = f"{recent.refusals} of {total} forecasts of the newest hour were refused"
    do = "the overview shows each coin's reason"
    return [Finding("warn", "Forecasts", what, do)]


def _stores(now: Situation) -> list[Finding]:
    run = now.reconciled
    if run is None or run.is_green:
        return []
    what = f"the last comparison of {', '.join(run.stores)} found differences"
    do = "see Data quality; `nexthour repair` rebuilds an hour"
    return [Finding("bad", "Stores", what, do)]


def _repairs(now: Situation) -> list[Finding]:
    if not now.repairs_waiting or now.repairs_since is None:
        return []
    waits = now.run.wall_now - now.repairs_since
    if waits < REPAIR_WAITS:
        return []
    what = f"{now.repairs_waiting} hours wait to be rebuilt, the first for {f.span(waits)}"
    do = "is the pipeline running? By hand: `nexthour repair`"
    return [Finding("warn", "Repairs", what, do)]


def _projection(now: Situation) -> list[Finding]:
    exchange = now.run.exchange_now
    if now.origin is None or exchange is None or exchange - now.origin < PROJECTION_LATE:
        return []
    what = f"the newest fan begins {f.span(exchange - now.origin)} ago"
    return [Finding("warn", "Long projection", what, "`nexthour logs lifecycle`")]
