"""The forecast query on Spark: wake-ups from the topic and from the clock, restarts, failures."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conf.names import HOUR_MS
from streaming import forecasts
from streaming.forecasts.pending import MISSING
from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.forecast_world import (
    LIVE,
    SYMBOLS,
    ForecastWorld,
    SettableClock,
    build_untrained_model,
    world_context,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration

MODEL = "2026-01-01T00:00:00+00:00"


@pytest.fixture
def world(
    settings: Bundle, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ForecastWorld]:
    model = build_untrained_model(tmp_path_factory.mktemp("untrained"))
    with SettableClock(LIVE) as clock:
        world = ForecastWorld(world_context(settings, clock, tmp_path), clock, model, tmp_path)
        yield world
        world.close()


def runs_of(world: ForecastWorld, query: object, count: int) -> None:
    """Wait for so many runs; fail at once if the query does."""

    def reached() -> bool:
        if not query.isActive:  # type: ignore[attr-defined]
            pytest.fail(str(query.exception()))  # type: ignore[attr-defined]
        return len(world.runs()) >= count

    eventually(reached, 60, message=f"{count} runs")


def test_query_scores_waits_and_goes_on_after_a_restart(
    spark: "SparkSession", world: ForecastWorld
) -> None:
    first = forecasts.start(spark, world.context)
    try:
        assert first.name == "forecasts"
        # the model comes while the query already runs, as in a first start
        eventually(lambda: first.lastProgress is not None, 60, message="first batch")
        world.publish_model(MODEL)
        world.clock.now_ms = LIVE + HOUR_MS + 2_000
        world.close_hour(LIVE)
        # that hour may have closed before the model was promoted, to the second; this one did not
        eventually(lambda: (world.context.forecast.staging_dir / "models").is_dir(), 60)
        world.clock.now_ms += HOUR_MS
        world.close_hour(LIVE + HOUR_MS)
        eventually(lambda: world.rows(LIVE + 2 * HOUR_MS), 60, message="first scored hour")

        # nothing but the clock wakes the handler when the grace is over
        world.clock.now_ms += HOUR_MS
        world.close_hour(LIVE + 2 * HOUR_MS, *SYMBOLS[:3])
        rows = eventually(lambda: world.rows(LIVE + 3 * HOUR_MS), 60, message="hour after grace")
        assert rows[SYMBOLS[3]].refusal_reason == MISSING
        assert {rows[s].refusal_reason for s in SYMBOLS[:3]} == {None}
    finally:
        first.stop()
    before = world.runs()

    world.clock.now_ms += HOUR_MS
    world.close_hour(LIVE + 3 * HOUR_MS)
    second = forecasts.start(spark, world.context)
    try:
        runs_of(world, second, len(before) + 1)
        assert world.runs()[:-1] == before
        target = LIVE + 4 * HOUR_MS
        assert set(world.rows(target)) == set(SYMBOLS)
        assert world.hdfs_rows(target) == world.rows(target)
        assert {row.symbol: row for row in world.topic_rows(target)} == world.rows(target)
        assert len(world.topic_rows(target)) == len(SYMBOLS)
    finally:
        second.stop()


def test_refusing_store_ends_the_query(spark: "SparkSession", world: ForecastWorld) -> None:
    world.publish_model(MODEL)
    with world.sql.cursor() as cursor:
        cursor.execute("ALTER TABLE forecast ADD CHECK (symbol <> 'POLUSDT')")
    query = forecasts.start(spark, world.context)
    try:
        world.clock.now_ms = LIVE + HOUR_MS + 2_000
        world.close_hour(LIVE)
        eventually(lambda: not query.isActive, 90, message="end of the query")

        assert "CheckViolation" in str(query.exception())
        assert world.runs() == []
        assert world.rows(LIVE + HOUR_MS) == {}
    finally:
        query.stop()
