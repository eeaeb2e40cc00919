"""Forecasts scored when their truth arrives, bands that survive restarts, and a version in the shadow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conf.connections.postgres import migrate
from conf.contracts.forecasts import QUANTILES, Forecast
from conf.names import HOUR_MS, Namespace, utc_time
from local.stack import LocalStack
from model.calibration import CoinState, Learned, learn
from model.registry import SHADOW
from streaming.forecasts.batch import ForecastBatch
from streaming.forecasts.models import ModelWatcher
from streaming.forecasts.query import build_handler, build_watcher
from tests.support.bundle import Bundle, bundle_of
from tests.support.eventually import eventually
from tests.support.forecast_world import (
    LIVE,
    SYMBOLS,
    ForecastWorld,
    SettableClock,
    UntrainedModel,
    build_untrained_model,
    world_context,
)

pytestmark = pytest.mark.integration

FIRST = "2026-01-01T00:00:00+00:00"
SECOND = "2026-01-01T01:00:00+00:00"
SEEDED_HOURS = 120
"""More than the calibration waits for, so that bands move from the first hour on."""


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> UntrainedModel:
    return build_untrained_model(tmp_path_factory.mktemp("untrained"))


@pytest.fixture
def world(settings: Bundle, untrained: UntrainedModel, tmp_path: Path) -> Iterator[ForecastWorld]:
    with SettableClock(LIVE) as clock:
        world = ForecastWorld(world_context(settings, clock, tmp_path), clock, untrained, tmp_path)
        yield world
        world.close()


def states() -> dict[str, CoinState]:
    """Return what walk-forward would have brought: 120 outcomes of each coin."""
    rng = np.random.default_rng(5)
    found = {}
    for symbol in SYMBOLS:
        state = CoinState.initial(QUANTILES)
        for back in range(SEEDED_HOURS, 0, -1):
            z = float(rng.standard_t(4))
            row = (-1.6, -0.5, 0.0, 0.5, 1.6)
            state = learn(state, Learned(LIVE - back * HOUR_MS, row, False, 0.004, z))
        found[symbol] = state
    return found


def watchers(world: ForecastWorld) -> tuple[ModelWatcher, ModelWatcher]:
    both = build_watcher(world.context), build_watcher(world.context, SHADOW)
    for watcher in both:
        watcher.check()
    return both


def close_and_score(world: ForecastWorld, handler: ForecastBatch, n: int, **changes: Any) -> int:
    """Close hour n after the start of live, let the handler run, return the target hour."""
    target_ms = world.pass_hour(n, **changes)
    handler(None, n)  # type: ignore[arg-type]  # it never looks at the frame
    return target_ms


def scores(world: ForecastWorld, kind: str = "live") -> list[dict[str, Any]]:
    with world.sql.cursor() as cursor:
        cursor.execute(
            "SELECT * FROM forecast_score WHERE kind = %s ORDER BY target_open_time, symbol, "
            "candle_revision",
            (kind,),
        )
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor]


def bands(rows: dict[str, Forecast]) -> dict[str, Any]:
    """Return what must be the same whenever a forecast is made again."""
    return {
        symbol: (row.q05, row.q25, row.q50, row.q75, row.q95, row.raw_z, row.alphas)
        for symbol, row in rows.items()
    }


def test_each_forecast_is_scored_once_when_its_close_is_final(world: ForecastWorld) -> None:
    world.publish_model(FIRST)
    handler = build_handler(world.context, *watchers(world))
    target = close_and_score(world, handler, 0)
    assert scores(world) == []
    made = world.rows(target)

    closed = {candle.symbol: candle for candle in world.close_hour(target)}
    world.clock.now_ms = target + HOUR_MS + 2_000
    handler(None, 1)  # type: ignore[arg-type]
    handler(None, 2)  # type: ignore[arg-type]

    found = scores(world)
    assert [row["symbol"] for row in found] == sorted(SYMBOLS)
    for row in found:
        forecast, close = made[row["symbol"]], closed[row["symbol"]].close
        assert forecast.q50 is not None
        assert forecast.last_close is not None
        assert row["target_open_time"] == utc_time(target)
        assert row["actual_close"] == close
        assert row["abs_error"] == abs(close - forecast.q50)
        assert row["naive_abs_error"] == abs(close - forecast.last_close)
        assert row["in_band_90"] == (forecast.q05 <= close <= forecast.q95)
        assert row["pinball"] is not None
        assert row["alphas_after"] is not None


def test_a_disputed_close_is_scored_but_teaches_nothing_nor_does_its_repair(
    world: ForecastWorld,
) -> None:
    world.publish_model(FIRST)
    handler = build_handler(world.context, *watchers(world))
    close_and_score(world, handler, 0)
    close_and_score(world, handler, 1, verdict="disputed", reason="count")
    found = scores(world)
    assert {row["verdict"] for row in found} == {"disputed"}
    assert {row["alphas_after"] for row in found} == {None}
    assert {row["pinball"] for row in found} == {None}

    repaired = world.next_candle("BTCUSDT", LIVE + HOUR_MS, revision=2, source="repair")
    world.store([repaired])
    close_and_score(world, handler, 2)
    again = [row for row in scores(world) if row["candle_revision"] == 2]
    assert [row["symbol"] for row in again] == ["BTCUSDT"]
    assert again[0]["actual_close"] == repaired.close
    assert again[0]["pinball"] is not None
    assert again[0]["alphas_after"] is None


def forecast_of(world: ForecastWorld, handler: ForecastBatch, n: int) -> dict[str, Forecast]:
    handler(None, n)  # type: ignore[arg-type]
    return world.rows(LIVE + (n + 1) * HOUR_MS)


def eight_hours(world: ForecastWorld, *, with_restarts: bool) -> list[dict[str, Any]]:
    """Return what was forecast; one coin's close comes an hour late, after the next forecast."""
    world.publish_model(FIRST, seeds=states())
    handler, made = build_handler(world.context, *watchers(world)), []
    for n in range(8):
        target = LIVE + (n + 1) * HOUR_MS
        world.clock.now_ms = target + 2_000
        world.close_hour(LIVE + n * HOUR_MS, *(SYMBOLS if n != 3 else ("BTCUSDT", "POLUSDT")))
        eventually(partial(forecast_of, world, handler, n), 20)
        if n == 4:
            world.close_hour(LIVE + 3 * HOUR_MS, "ETHUSDT", "USDCUSDT")
        if with_restarts:
            handler.close()
            handler = build_handler(world.context, *watchers(world))
        made.append(bands(world.rows(target)))
    handler.close()
    return made


@pytest.mark.timeout(300)
def test_bands_are_the_same_whether_the_query_was_restarted_or_not(
    world: ForecastWorld, stack: LocalStack, untrained: UntrainedModel, tmp_path: Path
) -> None:
    other = Namespace(f"{world.context.namespace.name}-b")
    bundle = bundle_of(stack.environment(), other, tmp_path / "other")
    migrate(bundle.postgres, other)
    (tmp_path / "other").mkdir()
    context = world_context(bundle, world.clock, tmp_path / "other")
    twin = ForecastWorld(context, world.clock, untrained, tmp_path / "other")
    lasting = eight_hours(world, with_restarts=False)
    world.clock.now_ms = LIVE
    restarted = eight_hours(twin, with_restarts=True)
    twin.close()
    assert lasting == restarted
    alphas = [hour["BTCUSDT"][-1] for hour in lasting]
    assert len(set(alphas)) > 3  # the calibration moves


def test_the_seed_is_kept_in_the_ledger_and_used_once(world: ForecastWorld) -> None:
    world.publish_model(FIRST, seeds=states())
    close_and_score(world, build_handler(world.context, *watchers(world)), 0)
    world.publish_model(SECOND)  # brings nothing: the live chain goes on
    target = close_and_score(world, build_handler(world.context, *watchers(world)), 1)
    with world.sql.cursor() as cursor:
        cursor.execute("SELECT kind, model_version, symbol FROM calibration_seed ORDER BY symbol")
        assert cursor.fetchall() == [("live", "", symbol) for symbol in sorted(SYMBOLS)]
    row = world.rows(target)["BTCUSDT"]
    assert row.alphas is not None
    assert row.alphas != CoinState.initial(QUANTILES).conformal.alphas


def test_a_shadow_says_the_same_hours_beside_the_champion_and_is_scored(
    world: ForecastWorld,
) -> None:
    champion = world.publish_model(FIRST, seeds=states())
    shadow = world.publish_model(SECOND, alias=SHADOW, seeds=states())
    handler = build_handler(world.context, *watchers(world))
    targets = [close_and_score(world, handler, n) for n in range(3)]

    for target in targets:
        live, beside = world.rows(target), world.rows(target, "shadow")
        assert {row.model_version for row in live.values()} == {champion}
        assert {row.model_version for row in beside.values()} == {shadow}
        assert bands(live) == bands(beside)
        assert {row.symbol: row for row in world.topic_rows(target)} == live  # only what is served
        assert world.hdfs_rows(target) == live
    assert len(scores(world)) == len(scores(world, "shadow")) == 2 * len(SYMBOLS)


def test_a_shadow_that_hangs_or_fails_costs_the_champion_nothing(world: ForecastWorld) -> None:
    world.publish_model(FIRST)
    world.publish_model(SECOND, alias=SHADOW)
    models, shadows = watchers(world)
    loaded = shadows.current
    assert loaded is not None
    handler = build_handler(world.context, models, shadows)

    class Failing:
        spec, seeds, steps = loaded.scorer.spec, loaded.scorer.seeds, loaded.scorer.steps
        expires_ms = loaded.scorer.expires_ms

        def score(self, _folder: Path) -> Any:
            message = "out of memory"
            raise MemoryError(message)

    shadows._current = replace(loaded, scorer=Failing())  # type: ignore[arg-type]
    target = close_and_score(world, handler, 0)
    assert {row.refusal_reason for row in world.rows(target).values()} == {None}
    refused = {row.refusal_reason for row in world.rows(target, "shadow").values()}
    assert refused == {"model failed: MemoryError: out of memory"}


def test_scores_are_exact_decimals(world: ForecastWorld) -> None:
    world.publish_model(FIRST)
    handler = build_handler(world.context, *watchers(world))
    close_and_score(world, handler, 0)
    close_and_score(world, handler, 1)
    assert all(isinstance(row["abs_error"], Decimal) for row in scores(world))
