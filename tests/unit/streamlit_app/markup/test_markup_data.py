"""Data quality and the long projection in words."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conf.contracts.incidents import IncidentKind
from streaming.reports import QueryFigures
from streamlit_app.markup import data as markup
from streamlit_app.markup import projection
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
from streamlit_app.records.projection import Fan, FanDay
from streamlit_app.records.system import JobRow
from tests.support.dashboard_records import HOUR, NOON

pytestmark = pytest.mark.unit

ZONE = ZoneInfo("UTC")
EVIL = "<script>alert(1)</script>"
TICK = Decimal("0.01")


def verdicts(**changes: Any) -> VerdictRow:
    counts = dict.fromkeys(("quiet", "partial", "disputed", "history", "revised"), 0)
    return VerdictRow(**{"symbol": "ETHUSDT", "expected": 24, "complete": 24, **counts, **changes})


def count(kind: IncidentKind, **changes: Any) -> IncidentCount:
    fields: dict[str, Any] = {"symbol": "ETHUSDT", "count": 2, "ids": 30, "longest_ms": 1500}
    return IncidentCount(**{"kind": kind.value, "last_at": NOON, **fields, **changes})


def revision(**changes: Any) -> RevisionRow:
    fields: dict[str, Any] = {
        "symbol": "ETHUSDT",
        "open_time": NOON,
        "revision": 2,
        "verdict": "complete",
        "reason": None,
        "source": "repair",
        "updated_at": NOON + HOUR,
        "close": Decimal("100.10"),
        "volume": Decimal(12),
        "trades": 1425,
        "old_verdict": "disputed",
        "old_close": Decimal("100.00"),
        "old_volume": Decimal(12),
        "old_trades": 1420,
    }
    return RevisionRow(**{**fields, **changes})


def test_a_hole_is_an_hour_that_no_verdict_counts() -> None:
    assert verdicts().holes == 0
    assert verdicts(complete=20, disputed=1).holes == 3
    assert verdicts(complete=30).holes == 0, "never below none"


@pytest.mark.parametrize(
    ("row", "level", "told"),
    [
        (verdicts(), "good", "24 of 24 hours are sure (100.000 %)"),
        (verdicts(complete=23, partial=1), "warn", "1 partial or disputed, 0 missing"),
        (verdicts(complete=22), "bad", "2 missing"),
        (verdicts(complete=23, disputed=1), "bad", "23 of 24"),
    ],
)
def test_all_hours_in_one_sentence(row: VerdictRow, level: str, told: str) -> None:
    body = markup.verdict_line([row], "24 hours")
    assert f"nh-dot {level}" in body
    assert told in body


def test_verdicts_stand_out_where_they_are_doubtful() -> None:
    body = markup.verdict_table([verdicts(complete=20, disputed=1)])
    assert body.count("nh-dot bad") == 2
    assert "No symbol" in markup.verdict_table([])
    assert "No closed hour" in markup.verdict_line([], "24 hours")


def test_gaps_are_counted_by_coin_and_kind() -> None:
    body = markup.gap_table(
        [count(IncidentKind.GAP_FOUND), count(IncidentKind.GAP_FILLED, count=1, ids=7)], ZONE
    )
    for words in (">2 (30 ids)<", ">1 (7 ids)<", ">1.5 s<", ">0<"):
        assert words in body
    assert "No hole" in markup.gap_table([count(IncidentKind.LATE_TRADES)], ZONE)


def test_late_records_and_refused_ones_are_told() -> None:
    late = count(IncidentKind.LATE_TRADES, symbol=None)
    assert "several" in markup.late_table([late], ZONE)
    assert "No record came too late" in markup.late_table([], ZONE)
    observed = Counter({("records", "read"): 48_213, ("records", "malformed"): 3})
    query = QueryFigures("candles", 60.0, observed=observed)
    jobs = [JobRow("candles", "running", query.detail(), NOON)]
    body = markup.rejection_table(jobs)
    assert ">48,213<" in body
    assert '<span class="nh-dot warn"></span>3<' in body
    assert "No query has counted" in markup.rejection_table([JobRow("x", "running", {}, NOON)])


def test_a_comparison_says_which_hours_of_which_stores_are_equal() -> None:
    stores = ("hdfs", "postgres")
    red = ReconcileRun(2, NOON, NOON + HOUR, NOON - 24 * HOUR, NOON, False, stores)
    green = ReconcileRun(1, NOON, NOON + HOUR, NOON - 24 * HOUR, NOON, True, stores)
    body = markup.reconcile_line([red, green], NOON + 2 * HOUR, ZONE)
    assert "hdfs, postgres are not equal" in body
    assert "1 of the last 2 comparisons" in body
    assert "nexthour reconcile" in markup.reconcile_line([], NOON, ZONE)
    results = [
        ReconcileResult("ETHUSDT", "hdfs", 24, 22, 1, 1, 0),
        ReconcileResult("BTCUSDT", "postgres", 24, 24, 0, 0, 0),
    ]
    table = markup.reconcile_table(results)
    assert "22 of 24 equal; 1 missing, 1 different" in table
    assert "–" in table, "a store that was not compared"
    assert markup.reconcile_table([]) == ""
    evil = [ReconcileDifference("ETHUSDT", NOON, "hdfs", EVIL)]
    assert EVIL not in markup.difference_table(evil, ZONE)


def test_a_revision_says_what_changed() -> None:
    body = markup.revision_table([revision()], {"ETHUSDT": TICK}, NOON + 2 * HOUR, ZONE)
    assert "disputed → complete; close 100.00 → 100.10; trades 1,420 → 1,425" in body
    assert "volume" not in body
    unknown = revision(old_trades=None, symbol="OTHER", old_close=Decimal("100.10"))
    assert "trades – → 1,425" in markup.revision_table([unknown], {}, NOON, ZONE)
    same = revision(old_verdict="complete", close=Decimal(1), old_close=Decimal(1), old_trades=1425)
    assert "other figures" in markup.revision_table([same], {}, NOON, ZONE)
    assert "No closed hour" in markup.revision_table([], {}, NOON, ZONE)


def test_repairs_and_history_are_tables() -> None:
    row = RepairRow("ETHUSDT", NOON, EVIL, 3, "failed", None, None, NOON, None)
    body = markup.repair_table([row], NOON + HOUR, ZONE)
    assert "asked 3 times" in body
    assert "nh-dot bad" in body
    assert EVIL not in body
    assert "No hour was ever" in markup.repair_table([], NOON, ZONE)
    loaded = markup.history_table([HistoryRow("ETHUSDT", "dump", 9000, 1, NOON)], NOON)
    assert ">9,000<" in loaded
    assert "Nothing was loaded" in markup.history_table([], NOON)


def test_a_projection_says_that_it_is_scenarios_and_how_it_was_made() -> None:
    days = tuple(FanDay(day, 90, 95, 100, 105.123, 110) for day in range(1, 31))
    fan = Fan("ETHUSDT", NOON, 100.0, "short history", NOON, days, ())
    body = projection.introduction(fan, TICK, ZONE, NOON + timedelta(days=1))
    assert "Scenarios, not a forecast of direction" in body
    assert "rougher than the others" in body
    assert "1 d 0 h ago at 100.00 USDT, 30 days ahead" in body
    table = projection.horizon_table(fan, TICK, ZONE)
    assert "105.12 (+5.1 %)" in table
    assert table.count("<tr") == 1 + 3, "1, 7 and 30 days are known"
    other = Fan("ETHUSDT", NOON, 100.0, EVIL, NOON, days, ())
    assert EVIL not in projection.introduction(other, TICK, ZONE, None)
