"""A progress report of Spark, what is made of it, and what of it is told to people."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from conf.contracts.incidents import IncidentKind
from conf.settings import CandleSettings
from streaming.progress import Progress, parse_progress, summary
from streaming.reports import RUNNING, STOPPED, QueryReports

pytestmark = pytest.mark.unit

# As Spark 4.0 writes it, shortened.
REPORT: dict[str, Any] = {
    "runId": "b578311e",
    "name": "candles",
    "batchId": 4,
    "numInputRows": 50,
    "processedRowsPerSecond": 139.27,
    "durationMs": {"addBatch": 256, "triggerExecution": 359, "walCommit": 38},
    "eventTime": {"watermark": "2026-11-15T23:00:00.000Z"},
    "stateOperators": [
        {"numRowsTotal": 3, "memoryUsedBytes": 1176, "numRowsDroppedByWatermark": 0},
        {"numRowsTotal": 1, "memoryUsedBytes": 24, "numRowsDroppedByWatermark": 0},
    ],
    "sources": [
        {
            "endOffset": {"live.trades": {"0": 90, "1": 5}},
            "latestOffset": {"live.trades": {"0": 100, "1": 5, "2": 7}},
        },
        {"endOffset": 9, "latestOffset": 9},
    ],
    "observedMetrics": {"records": {"read": 50, "malformed": 2}},
}


def report(batch_id: int = 4, dropped: int = 0) -> str:
    operators = [{"numRowsTotal": 3, "numRowsDroppedByWatermark": dropped}]
    return orjson.dumps(REPORT | {"batchId": batch_id, "stateOperators": operators}).decode()


class Told:
    """Remembers what was told; the exchange's clock says 1000 ms more at each look."""

    def __init__(self) -> None:
        self.told: list[tuple[IncidentKind, str]] = []
        self.times: list[tuple[int | None, int | None]] = []
        self._now_ms = 0

    def tell(
        self,
        kind: IncidentKind,
        detail: str,
        *,
        started_ms: int | None = None,
        ended_ms: int | None = None,
    ) -> None:
        self.told.append((kind, detail))
        self.times.append((started_ms, ended_ms))

    def now_ms(self) -> int:
        self._now_ms += 1000
        return self._now_ms


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def reports_of(told: Told, clock: Clock | None = None, problems: tuple[str, ...] = ()) -> Any:
    return QueryReports(
        "candles", told, clock or Clock(), quiet_s=120.0, check=lambda _: list(problems)
    )


def test_progress_is_read() -> None:
    progress = parse_progress(orjson.dumps(REPORT))
    assert progress.batch_id == 4
    assert progress.input_rows == 50
    assert progress.lag == {"live.trades": 17}
    assert (progress.state_rows, progress.state_bytes) == (4, 1200)
    assert progress.observed == {"records": {"read": 50, "malformed": 2}}
    assert progress.watermark_s == 1_794_783_600.0
    shown = summary(progress)
    assert shown["batch_ms"] == 359
    assert shown["observed"]["records"]["read"] == 50
    assert orjson.dumps(shown)
    assert CandleSettings().watermark_days > CandleSettings().max_age_days


def test_progress_of_a_query_without_state_topics_or_data() -> None:
    progress = parse_progress('{"batchId": 0, "sources": [{"startOffset": null}]}')
    assert progress == Progress(0)
    assert progress.watermark_s is None


@pytest.mark.parametrize("text", ["[]", "{}", '{"batchId": 1, "sources": [3]}', "no"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no progress report"):
        parse_progress(text)


def test_a_good_batch_tells_nothing() -> None:
    told = Told()
    reports = reports_of(told)
    reports.started()
    reports.take(report(0))
    reports.take(report(1))
    assert told.told == []
    figures = reports.figures()
    assert (figures.batches, figures.rows, figures.state) == (2, 100, RUNNING)
    assert figures.observed["records", "read"] == 100
    assert figures.detail()["observed_sums"] == {"records": {"read": 100, "malformed": 4}}


def test_dropped_rows_are_an_alarm_a_figure_and_a_status() -> None:
    told = Told()
    reports = reports_of(told)
    reports.take(report(3, dropped=2))
    assert told.told == [(IncidentKind.ROWS_DROPPED, "batch 3: 2 rows dropped by the watermark")]
    assert reports.figures().dropped == 2
    assert reports.figures().detail()["dropped_rows"] == 2


def test_each_problem_of_a_batch_is_an_alarm() -> None:
    told = Told()
    reports = reports_of(told, problems=("one", "two"))
    reports.take(report(3))
    assert told.told == [
        (IncidentKind.IMBALANCE, "batch 3: one"),
        (IncidentKind.IMBALANCE, "batch 3: two"),
    ]
    assert reports.figures().detail()["imbalances"] == 2


def test_a_batch_without_report_is_never_passed_over() -> None:
    told = Told()
    reports = reports_of(told)
    for batch_id in (7, 8, 8, 11):  # a repeated batch is none that is missing
        reports.take(report(batch_id))
    ((kind, detail),) = told.told
    assert kind is IncidentKind.IMBALANCE
    assert "2 batches before batch 11" in detail
    assert reports.figures().unreported == 2


def test_failure_and_recovery() -> None:
    told = Told()
    reports = reports_of(told)
    reports.started()
    reports.failed("no table", 1, 0.5)
    reports.failed("no table", 2, 1.5)
    assert reports.figures().detail()["reason"] == "no table"
    reports.started()
    assert told.told[-1][0] is IncidentKind.QUERY_FAILED  # a start is no recovery
    reports.take(report(3))
    reports.take(report(4))
    assert [kind for kind, _ in told.told] == [
        IncidentKind.QUERY_FAILED,
        IncidentKind.QUERY_FAILED,
        IncidentKind.QUERY_RECOVERED,
    ]
    assert told.told[1][1] == "no table (failure 2 in a row, next start in 1.5 s)"
    assert told.times[2] == (1000, 3000)
    assert reports.figures().detail()["failures"] == 2
    assert "reason" not in reports.figures().detail()


def test_health() -> None:
    clock = Clock()
    reports = reports_of(Told(), clock)
    assert "starting" in reports.figures().complaint(clock.now_s)
    reports.started()
    assert reports.figures().complaint(clock.now_s + 120) is None
    assert "nothing committed for 121 s" in reports.figures().complaint(clock.now_s + 121)
    clock.now_s += 121
    reports.idle()  # there was nothing to commit
    assert reports.figures().complaint(clock.now_s) is None
    reports.failed("no table", 1, 0.5)
    assert reports.figures().complaint(clock.now_s) == "candles: restarting (no table)"
    reports.ended(STOPPED)
    assert "stopped" in reports.figures().complaint(clock.now_s)
