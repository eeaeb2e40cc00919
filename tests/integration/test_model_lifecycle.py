"""The life cycle on real stores: trained, tried in the shadow, promoted, rolled back, removed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conf.connections.hdfs import open_hdfs
from conf.lifecycle import LifecycleSettings
from conf.names import HOUR_MS
from model.lifecycle.background import BackgroundJob
from model.lifecycle.ledger import LifecycleLedger
from model.lifecycle.loop import Lifecycle
from model.publication import record_version
from model.registry import CHAMPION, SHADOW
from streaming.forecasts.batch import ForecastBatch
from streaming.forecasts.models import ModelWatcher
from streaming.forecasts.query import build_handler, build_watcher
from tests.chaos.lifecycle.run import counts, trainings_s
from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.forecast_world import (
    LIVE,
    ForecastWorld,
    SettableClock,
    UntrainedModel,
    build_untrained_model,
    world_context,
)

pytestmark = pytest.mark.integration

SETTINGS = LifecycleSettings(
    shadow_hours=3, rollback_min_hours=12, rollback_hours=24, keep_versions=3, young_hours=0
)
METRICS = {
    "crossings": 0,
    "val_pinball": 0.24,
    "ewma_pinball": 0.25,
    "val_rmae": 0.99,
    "val_coverage": 0.9,
    "rmae": {"BTCUSDT": 0.99},
}


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> UntrainedModel:
    return build_untrained_model(tmp_path_factory.mktemp("untrained"))


@pytest.fixture
def world(settings: Bundle, untrained: UntrainedModel, tmp_path: Path) -> Iterator[ForecastWorld]:
    with SettableClock(LIVE) as clock:
        world = ForecastWorld(world_context(settings, clock, tmp_path), clock, untrained, tmp_path)
        yield world
        world.close()


@pytest.fixture
def lifecycle(world: ForecastWorld, tmp_path: Path) -> Iterator[Lifecycle]:
    says = ("-c", "print('trained something')")
    training = BackgroundJob((says, says), tmp_path / "training.log", 5, 60.0)
    projection = BackgroundJob((says,), tmp_path / "projection.log", 5, 60.0)
    yield Lifecycle(
        SETTINGS,
        world.registry,
        LifecycleLedger(lambda: world.sql, ("USDCUSDT",)),
        open_hdfs(world.context.hdfs),
        world.context.namespace,
        training,
        projection,
        lambda: world.clock.now_ms,
        stable=("USDCUSDT",),
    )
    training.stop()
    projection.stop()


def trained(
    world: ForecastWorld, minute: int, status: str, alias: str | None = None, **metrics: Any
) -> str:
    """Do what a training does at its end: publish a version and record it."""
    now = world.clock.now_ms
    created = f"2026-01-01T00:{minute:02d}:00+00:00"
    manifest = {
        "created_at": created,
        "weights_hash": "0",
        "trained_from_ms": LIVE - 1000 * HOUR_MS,
        "trained_until_ms": LIVE,
        "validation_until_ms": now,
        "expires_ms": now + 14 * 24 * HOUR_MS,
        "train_rows": 1000,
        "fit_seconds": 1.0,
        "is_short_history": False,
        "metrics": METRICS | metrics,
        "against": None,
    }
    version = world.publish_model(created, alias=None, manifest=manifest)
    if alias is not None:
        world.registry.point(alias, version, status)
    record_version(world.sql, version, status, world.registry.digest(version), manifest)
    return version


def statuses(world: ForecastWorld) -> dict[str, str]:
    with world.sql.cursor() as cursor:
        cursor.execute("SELECT version, status FROM model_version")
        return dict(cursor.fetchall())


def events(world: ForecastWorld) -> list[tuple[str, str | None]]:
    with world.sql.cursor() as cursor:
        cursor.execute("SELECT kind, model_version FROM model_event ORDER BY id")
        return cursor.fetchall()


def alias(world: ForecastWorld, name: str) -> str | None:
    reference = world.registry.alias(name)
    return reference.version if reference else None


def watchers(world: ForecastWorld) -> tuple[ModelWatcher, ModelWatcher]:
    both = build_watcher(world.context), build_watcher(world.context, SHADOW)
    for watcher in both:
        watcher.check()
    return both


def pass_hours(world: ForecastWorld, handler: ForecastBatch, first: int, count: int) -> None:
    for n in range(first, first + count):
        world.pass_hour(n)
        handler(None, n)  # type: ignore[arg-type]


def steps(lifecycle: Lifecycle) -> list[str]:
    """Look until nothing is to be done; return the steps."""
    taken = []
    while (step := lifecycle.look()) is not None and step.kind != "train":
        taken.append(step.kind)
    return taken


@pytest.mark.timeout(300)
def test_from_a_training_to_a_promotion_and_back(
    world: ForecastWorld, lifecycle: Lifecycle
) -> None:
    first = trained(world, 0, "champion", CHAMPION)
    assert lifecycle.look() is None

    second = trained(world, 1, "candidate")
    assert steps(lifecycle) == ["shadow"]
    assert alias(world, SHADOW) == second
    assert statuses(world) == {first: "champion", second: "shadow"}

    models, shadows = watchers(world)
    handler = build_handler(world.context, models, shadows)
    pass_hours(world, handler, 0, 3)
    assert steps(lifecycle) == []  # two hours are scored, three are wanted
    pass_hours(world, handler, 3, 1)
    assert steps(lifecycle) == ["promote"]
    assert (alias(world, CHAMPION), alias(world, SHADOW)) == (second, None)
    assert statuses(world) == {first: "previous", second: "champion"}

    for watcher in (models, shadows):
        watcher.check()  # the running query swaps it without a restart
    pass_hours(world, handler, 4, 1)
    assert {r.model_version for r in world.rows(LIVE + 5 * HOUR_MS).values()} == {second}
    assert shadows.current is None

    sound = models.current
    assert sound is not None

    class Nonsense:
        spec, seeds, steps = sound.scorer.spec, sound.scorer.seeds, sound.scorer.steps
        expires_ms = sound.scorer.expires_ms

        def score(self, _folder: Path) -> Any:
            message = "quantiles are not rising numbers"
            raise ValueError(message)

    models._current = replace(sound, scorer=Nonsense())  # type: ignore[arg-type]
    pass_hours(world, handler, 5, 1)
    assert steps(lifecycle) == ["roll_back"]
    assert alias(world, CHAMPION) == first
    assert statuses(world) == {first: "champion", second: "rejected"}
    models.check()
    pass_hours(world, handler, 6, 1)
    assert {r.model_version for r in world.rows(LIVE + 7 * HOUR_MS).values()} == {first}
    assert [kind for kind, _ in events(world)] == ["shadow", "promoted", "rolled_back"]
    # What `make chaos-lifecycle` counts at its end, after an hour: that the queries are right shows here.
    found = counts(world.sql)
    assert set(found["forecasts"]) == {first, second}
    assert (set(found["refusals"]), found["unscored"]) == ({"model failed"}, 0)
    assert found["scored"] > 0
    assert trainings_s(world.sql) == []


def test_a_shadow_that_fails_once_is_rejected(world: ForecastWorld, lifecycle: Lifecycle) -> None:
    first = trained(world, 0, "champion", CHAMPION)
    second = trained(world, 1, "candidate")
    assert steps(lifecycle) == ["shadow"]
    models, shadows = watchers(world)
    loaded = shadows.current
    assert loaded is not None

    class Failing:
        spec, seeds, steps = loaded.scorer.spec, loaded.scorer.seeds, loaded.scorer.steps
        expires_ms = loaded.scorer.expires_ms

        def score(self, _folder: Path) -> Any:
            message = "NaN"
            raise ValueError(message)

    shadows._current = replace(loaded, scorer=Failing())  # type: ignore[arg-type]
    pass_hours(world, build_handler(world.context, models, shadows), 0, 1)
    assert steps(lifecycle) == ["reject"]
    assert alias(world, SHADOW) is None
    assert statuses(world) == {first: "champion", second: "rejected"}


def test_what_the_gate_refuses_is_never_tried(world: ForecastWorld, lifecycle: Lifecycle) -> None:
    trained(world, 0, "champion", CHAMPION)
    bad = trained(world, 1, "candidate", val_rmae=1.01)
    assert steps(lifecycle) == ["reject"]
    assert statuses(world)[bad] == "rejected"


def test_old_versions_go_and_what_an_alias_names_stays(
    world: ForecastWorld, lifecycle: Lifecycle
) -> None:
    versions = [trained(world, minute, "champion", CHAMPION) for minute in range(5)]
    assert steps(lifecycle) == ["retire", "retire"]
    assert world.registry.versions() == versions[2:]
    found = statuses(world)
    assert [found[version] for version in versions] == [
        *("retired", "retired", "previous", "previous", "champion")
    ]


def test_statuses_follow_the_aliases_after_a_crash_between_the_two(
    world: ForecastWorld, lifecycle: Lifecycle
) -> None:
    first = trained(world, 0, "champion", CHAMPION)
    second = trained(world, 1, "shadow")
    world.registry.promote(second)  # and then it crashed
    assert lifecycle.look() is None
    assert statuses(world) == {first: "previous", second: "champion"}


def test_a_training_is_begun_when_it_is_time_and_its_end_is_told(
    world: ForecastWorld, lifecycle: Lifecycle
) -> None:
    trained(world, 0, "champion", CHAMPION)
    world.clock.now_ms += 24 * HOUR_MS
    step = lifecycle.look()
    assert step is not None
    assert step.kind == "train"
    assert lifecycle.training.is_running
    eventually(lambda: lifecycle.look() is None and not lifecycle.training.is_running, 30)
    assert [kind for kind, _ in events(world)] == ["training", "trained"]
    assert (lifecycle.look(), lifecycle.training.is_running) == (None, False)


def test_a_training_that_fails_is_told_and_not_repeated_at_once(
    world: ForecastWorld, lifecycle: Lifecycle, tmp_path: Path
) -> None:
    trained(world, 0, "champion", CHAMPION)
    world.clock.now_ms += 24 * HOUR_MS
    broken = ("-c", "import sys; sys.exit('no history: run something')")
    lifecycle.training = BackgroundJob((broken,), tmp_path / "failed.log", 5, 60.0)
    lifecycle.look()
    eventually(lambda: lifecycle.look() is None and not lifecycle.training.is_running, 30)
    with world.sql.cursor() as cursor:
        cursor.execute("SELECT kind, reason FROM model_event ORDER BY id DESC LIMIT 1")
        assert cursor.fetchone() == ("failed", "no history: run something")
    assert lifecycle.look() is None


def test_the_fan_is_simulated_once_a_day(world: ForecastWorld, lifecycle: Lifecycle) -> None:
    begun = []
    begin = lifecycle.projection.begin
    lifecycle.projection.begin = lambda: begun.append(world.clock.now_ms) or begin()  # type: ignore[method-assign, func-returns-value]
    trained(world, 0, "champion", CHAMPION)
    lifecycle.look()
    eventually(lambda: lifecycle.look() is None and not lifecycle.projection.is_running, 30)
    assert begun == [LIVE]  # the day before LIVE is whole: its last hour is in the history
    world.clock.now_ms = LIVE + 23 * HOUR_MS
    lifecycle.look()
    world.clock.now_ms = LIVE + 24 * HOUR_MS
    lifecycle.look()  # the day is over, but its last hour is not closed yet
    assert begun == [LIVE]
    world.close_hour(LIVE + 23 * HOUR_MS)
    lifecycle.look()
    assert begun == [LIVE, LIVE + 24 * HOUR_MS]


def test_a_training_that_hangs_is_ended(tmp_path: Path) -> None:
    hangs = ("-c", "import time; time.sleep(600)")
    training = BackgroundJob((hangs,), tmp_path / "hung.log", 5, 0.5)
    training.begin()
    ended = eventually(training.ended, 30)
    assert ended.code == -1
    assert not training.is_running


def test_a_store_that_is_away_only_holds_the_life_cycle_up(
    world: ForecastWorld, lifecycle: Lifecycle
) -> None:
    def away() -> Any:
        message = "Postgres is away"
        raise OSError(message)

    stop, looks = threading.Event(), []
    lifecycle.settings = SETTINGS.model_copy(update={"poll_s": 0.01})
    lifecycle.ledger = LifecycleLedger(away, ())
    lifecycle.now_ms = lambda: looks.append(1) or world.clock.now_ms  # type: ignore[func-returns-value]
    thread = threading.Thread(target=lifecycle.run, args=(stop,))
    thread.start()
    try:
        eventually(lambda: len(looks) > 3, 20)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
