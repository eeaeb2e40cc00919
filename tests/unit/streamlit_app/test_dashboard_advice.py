"""What is wrong and what to do about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from streamlit_app import advice
from streamlit_app.advice import Situation
from streamlit_app.markup import system
from streamlit_app.records.data import ReconcileRun
from streamlit_app.records.forecasts import ModelEventRow
from streamlit_app.records.system import FeedRow, JobRow, RecentForecasts
from tests.support.dashboard_records import HOUR, NOON, model, run_state

pytestmark = pytest.mark.unit

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def job(state: str = "running", silent_s: int = 1, **detail: Any) -> JobRow:
    return JobRow("candles", state, detail, NOON - silent_s * SECOND)


def feed(state: str | None = "live", silent_s: int = 1) -> FeedRow:
    return FeedRow("ETHUSDT", "1/1", state, 7, NOON, 5, NOON, 0, NOON - silent_s * SECOND)


def recent(refusals: int = 0) -> RecentForecasts:
    return RecentForecasts(NOON, "v1", NOON, 10 - refusals, refusals, 80.0)


def event(kind: str, ago: timedelta = HOUR) -> ModelEventRow:
    return ModelEventRow(NOON - ago, kind, None, "why", {})


WELL = Situation(
    run=run_state(),
    jobs=(job(lag={"t": 5}),),
    feeds=(feed(), feed("stopped", 900), FeedRow("BTCUSDT", *[None] * 8)),
    models=(model(),),
    recent=recent(),
    training=event("trained"),
    reconciled=ReconcileRun(1, NOON, NOON, NOON, NOON, True, ("hdfs",)),
    origin=NOON - DAY,
)


def test_a_system_that_is_well_needs_nothing() -> None:
    assert advice.findings(WELL) == []
    assert "as it should be" in system.finding_list([])


@pytest.mark.parametrize(
    ("changes", "level", "part", "what"),
    [
        ({"run": run_state(newest_update=NOON - HOUR)}, "bad", "Data", "nothing new for 1 h"),
        ({"jobs": (job("failed", reason="HDFS away"),)}, "bad", "Query candles", "HDFS away"),
        ({"jobs": (job("stopped"),)}, "warn", "Query candles", "stopped"),
        ({"jobs": (job(silent_s=61),)}, "bad", "Query candles", "no report for 1 min 01 s"),
        ({"jobs": (job(dropped_rows=3),)}, "bad", "Query candles", "3 rows dropped"),
        ({"jobs": (job(imbalances=1),)}, "bad", "Query candles", "do not add up"),
        ({"jobs": (job(lag={"t": 50_001}),)}, "warn", "Query candles", "50,001 records behind"),
        ({"feeds": (feed(silent_s=16),)}, "bad", "Feed ETHUSDT", "no report for 16 s"),
        ({"feeds": (feed("silent"),)}, "bad", "Feed ETHUSDT", "overdue"),
        ({"feeds": (feed("disconnected"),)}, "bad", "Feed ETHUSDT", "disconnected"),
        ({"models": ()}, "warn", "Model", "no version yet"),
        ({"models": (model(expires_at=NOON),)}, "bad", "Model", "expired"),
        ({"training": event("failed")}, "bad", "Life cycle", "training failed: why"),
        ({"drift": event("drift")}, "warn", "Model", "drift: why"),
        ({"recent": recent(2)}, "warn", "Forecasts", "2 of 10"),
        ({"repairs_waiting": 3, "repairs_since": NOON - HOUR}, "warn", "Repairs", "3 hours wait"),
        ({"origin": NOON - 3 * DAY}, "warn", "Long projection", "3 d"),
    ],
)
def test_each_fault_is_told_with_what_to_do(
    changes: dict[str, Any], level: str, part: str, what: str
) -> None:
    (found,) = advice.findings(replace(WELL, **changes))
    assert (found.level, found.part) == (level, part)
    assert what in found.what
    assert found.do
    assert str(system.with_code(found.do)) in system.finding_list([found])


def test_commands_stand_out_and_nothing_else_becomes_html() -> None:
    assert system.with_code("look: `nexthour <x>`") == ("look: <code>nexthour &lt;x&gt;</code>")


@pytest.mark.parametrize(
    "changes",
    [
        {"drift": event("drift", 8 * DAY)},
        {"repairs_waiting": 3, "repairs_since": NOON - 60 * SECOND},
        {"models": (), "run": run_state(newest_open_time=None)},
        {"recent": None, "training": None, "reconciled": None, "origin": None},
    ],
)
def test_what_is_old_news_or_may_still_come_is_no_fault(changes: dict[str, Any]) -> None:
    assert advice.findings(replace(WELL, **changes)) == []


def test_the_gravest_comes_first() -> None:
    found = advice.findings(
        replace(
            WELL,
            jobs=(job("stopped"), job("failed")),
            reconciled=ReconcileRun(1, NOON, NOON, NOON, NOON, False, ("hdfs",)),
        )
    )
    assert [finding.level for finding in found] == ["bad", "bad", "warn"]
