"""When a day is analysed, and how little it may take from the queries."""

from __future__ import annotations

import threading
import xml.etree.ElementTree as ET
from pathlib import Path
from types import SimpleNamespace

import pytest

from conf.analysis import AnalysisSettings
from conf.names import DAY_MS, HOUR_MS
from streaming.analysis import watch
from streaming.analysis.watch import is_due

pytestmark = pytest.mark.unit

MIDNIGHT = 20_000 * DAY_MS
POOLS = Path(__file__).parents[3] / "conf" / "fairscheduler.xml"


@pytest.mark.parametrize(
    ("newest_ms", "analysed_until_ms", "due"),
    [
        (MIDNIGHT, None, True),  # never analysed
        (MIDNIGHT - HOUR_MS, MIDNIGHT - DAY_MS, False),  # the day's last hour has just closed
        (MIDNIGHT, MIDNIGHT - DAY_MS, True),  # and the first hour after it
        (MIDNIGHT, MIDNIGHT, False),  # already done
        (MIDNIGHT + 22 * HOUR_MS, MIDNIGHT, False),
        (MIDNIGHT + DAY_MS, MIDNIGHT, True),
        (MIDNIGHT + 9 * DAY_MS, MIDNIGHT, True),  # it was off for days: one run for all of them
        (MIDNIGHT, MIDNIGHT + DAY_MS, False),  # history went further than the feed
    ],
)
def test_a_day_is_due_once_the_next_ones_first_hour_has_closed(
    newest_ms: int, analysed_until_ms: int | None, due: bool
) -> None:
    assert is_due(newest_ms, analysed_until_ms) is due


def test_every_query_comes_before_the_analysis() -> None:
    pools = {pool.attrib["name"]: pool for pool in ET.parse(POOLS).iter("pool")}
    weights = {name: int(pool.findtext("weight", "1")) for name, pool in pools.items()}
    assert watch.NAME in weights
    assert weights[watch.NAME] == min(weights.values())
    assert int(pools[watch.NAME].findtext("minShare", "0")) == 0


def test_switched_off_it_does_not_touch_spark() -> None:
    settings = AnalysisSettings(is_enabled=False)
    watch.run(None, SimpleNamespace(analysis=settings), threading.Event())  # type: ignore[arg-type] # nothing else is read


def test_a_stop_ends_it_before_it_looks() -> None:
    stop = threading.Event()
    stop.set()
    told: list[tuple[str, str]] = []
    spark = SimpleNamespace(
        sparkContext=SimpleNamespace(setLocalProperty=lambda *pair: told.append(pair))
    )
    watch.run(spark, SimpleNamespace(analysis=AnalysisSettings()), stop)  # type: ignore[arg-type] # nothing else is read
    assert told == [("spark.scheduler.pool", watch.NAME)]
