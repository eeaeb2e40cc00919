"""The forecast handler on the real stores; Spark only wakes it, so it is not needed here."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from conf.contracts.forecasts import QUANTILES
from conf.names import HOUR_MS
from streaming.forecasts.batch import ForecastBatch
from streaming.forecasts.models import LoadedModel, ModelWatcher
from streaming.forecasts.pending import LATE, MISSING
from streaming.forecasts.query import build_handler, build_watcher
from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.forecast_world import (
    LIVE,
    SYMBOLS,
    TICKS,
    ForecastWorld,
    SettableClock,
    UntrainedModel,
    build_untrained_model,
    world_context,
)

pytestmark = pytest.mark.integration

FIRST = "2026-01-01T00:00:00+00:00"
SECOND = "2026-01-01T01:00:00+00:00"
TARGET = LIVE + HOUR_MS


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
def watcher(world: ForecastWorld) -> ModelWatcher:
    return build_watcher(world.context)


@pytest.fixture
def handler(world: ForecastWorld, watcher: ModelWatcher) -> ForecastBatch:
    world.publish_model(FIRST)
    watcher.check()
    return build_handler(world.context, watcher)


def close_and_score(world: ForecastWorld, handler: ForecastBatch, n: int = 0) -> int:
    """Close hour n after the start of live, let the handler run, return the target hour."""
    target_ms = world.pass_hour(n)
    handler(None, n)  # type: ignore[arg-type]  # it never looks at the frame
    return target_ms


def assert_equal_everywhere(world: ForecastWorld, target_ms: int) -> None:
    rows = world.rows(target_ms)
    assert set(rows) == set(SYMBOLS)
    assert world.hdfs_rows(target_ms) == rows
    assert {row.symbol: row for row in world.topic_rows(target_ms)} == rows


def test_one_forecast_per_symbol_and_hour_equal_in_all_stores(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    targets = [close_and_score(world, handler, n) for n in range(3)]

    assert [(forecasts, refusals) for *_, forecasts, refusals in world.runs()] == [(4, 0)] * 3
    for target in targets:
        assert_equal_everywhere(world, target)
        assert len(world.topic_rows(target)) == len(SYMBOLS)
    for symbol, row in world.rows(targets[-1]).items():
        quantiles = (row.q05, row.q25, row.q50, row.q75, row.q95)
        assert all(q is not None and q % Decimal(TICKS[symbol]) == 0 for q in quantiles)
        assert list(quantiles) == sorted(quantiles)
        assert len(quantiles) == len(QUANTILES)
        assert row.q50 == row.last_close  # the untrained network is naive
        assert (row.mask, row.input_verdict, row.is_fallback) == ("1111", "complete", False)
        assert targets[-1] <= row.issued_at_ms < targets[-1] + HOUR_MS


def test_features_are_recorded_as_the_model_saw_them(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    target = close_and_score(world, handler)

    features = world.features(target)
    rows = world.rows(target)
    assert features["symbol"].tolist() == list(SYMBOLS)
    assert features["open_time_ms"].unique().tolist() == [LIVE]
    assert dict(zip(features["symbol"], features["feature_hash"], strict=True)) == {
        symbol: row.feature_hash for symbol, row in rows.items()
    }


def test_repeated_batch_changes_nothing(world: ForecastWorld, handler: ForecastBatch) -> None:
    target = close_and_score(world, handler)
    before = world.rows(target), world.topic_rows(target), world.hdfs_rows(target)

    world.clock.now_ms += 60_000
    handler(None, 0)  # type: ignore[arg-type]
    build_handler(world.context, handler._models)(None, 0)  # type: ignore[arg-type]

    assert (world.rows(target), world.topic_rows(target), world.hdfs_rows(target)) == before
    assert len(world.runs()) == 1


def test_later_candle_never_changes_a_forecast(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    target = close_and_score(world, handler)
    before = world.rows(target)

    repaired = world.next_candle("BTCUSDT", LIVE, revision=2, source="repair")
    world.store([repaired])
    handler(None, 1)  # type: ignore[arg-type]

    assert world.rows(target) == before
    close_and_score(world, handler, 1)
    assert world.rows(target) == before


@pytest.mark.parametrize("verdict", ["disputed", "partial"])
def test_bad_input_is_refused_and_the_rest_is_scored_without_it(
    world: ForecastWorld, handler: ForecastBatch, verdict: str
) -> None:
    world.clock.now_ms = TARGET + 2_000
    world.close_hour(LIVE, "BTCUSDT", "ETHUSDT", "USDCUSDT")
    world.close_hour(LIVE, "POLUSDT", verdict=verdict, reason="volume")

    handler(None, 0)  # type: ignore[arg-type]

    rows = world.rows(TARGET)
    assert rows["POLUSDT"].refusal_reason == f"{verdict}: volume"
    assert rows["POLUSDT"].q50 is None
    assert {rows[s].refusal_reason for s in SYMBOLS if s != "POLUSDT"} == {None}
    assert {row.mask for row in rows.values()} == {"1101"}
    assert world.features(TARGET)["mask"].unique().tolist() == ["1101"]
    assert world.runs()[0][2:] == (3, 1)
    assert_equal_everywhere(world, TARGET)


def test_missing_coin_is_refused_when_the_grace_is_over_and_not_before(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    world.clock.now_ms = TARGET + 2_000
    present = [s for s in SYMBOLS if s != "ETHUSDT"]
    world.close_hour(LIVE, *present)

    assert handler.write_due() is True
    assert world.runs() == []
    eventually(lambda: handler.write_due() is False, 10)

    rows = world.rows(TARGET)
    assert rows["ETHUSDT"].refusal_reason == MISSING
    assert all(rows[s].q50 is not None for s in present)
    assert rows["BTCUSDT"].mask == "1011"
    # when it comes after all, the ledger stays as it is
    world.close_hour(LIVE, "ETHUSDT")
    assert handler.write_due() is False
    assert world.rows(TARGET) == rows


def test_one_batch_waits_for_rows_that_are_on_their_way(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    world.clock.now_ms = TARGET + 2_000
    world.close_hour(LIVE, "BTCUSDT", "ETHUSDT", "USDCUSDT")
    waits = []

    def arrive(_seconds: float) -> bool:
        if not waits:
            world.close_hour(LIVE, "POLUSDT")
        waits.append(1)
        return False

    handler._pause.wait = arrive  # type: ignore[assignment,method-assign]
    handler(None, 0)  # type: ignore[arg-type]

    assert len(waits) == 1
    assert world.runs()[0][2:] == (4, 0)


def test_no_model_no_run_and_hours_before_it_get_none(
    world: ForecastWorld, watcher: ModelWatcher
) -> None:
    handler = build_handler(world.context, watcher)
    watcher.check()
    close_and_score(world, handler)
    assert watcher.current is None
    assert world.runs() == []

    # the alias is stamped in whole seconds
    with world.sql.cursor() as cursor:
        cursor.execute("UPDATE candle SET updated_at = updated_at - interval '2 seconds'")
    world.publish_model(FIRST)
    watcher.check()
    handler(None, 1)  # type: ignore[arg-type]
    assert world.runs() == []

    target = close_and_score(world, handler, 1)
    assert len(world.runs()) == 1
    assert_equal_everywhere(world, target)


def test_older_history_that_comes_later_gets_no_run(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    longer_past = [world.next_candle(s, LIVE - 500 * HOUR_MS) for s in SYMBOLS]
    world.store([replace(row, source="rest-klines") for row in longer_past])
    handler(None, 0)  # type: ignore[arg-type]
    assert world.runs() == []

    close_and_score(world, handler)
    world.store([world.next_candle(s, LIVE - 501 * HOUR_MS) for s in SYMBOLS])
    handler(None, 1)  # type: ignore[arg-type]
    assert len(world.runs()) == 1


def test_new_champion_scores_from_the_next_hour_on(
    world: ForecastWorld, handler: ForecastBatch, watcher: ModelWatcher
) -> None:
    close_and_score(world, handler, 0)
    second = world.publish_model(SECOND)
    close_and_score(world, handler, 1)
    watcher.check()
    close_and_score(world, handler, 2)

    versions = [version for _, version, *_ in world.runs()]
    assert versions[0] == versions[1] != second
    assert versions[2] == second
    assert {row.model_version for row in world.rows(LIVE + 3 * HOUR_MS).values()} == {second}
    kept = [
        path.name for path in (world.context.forecast.staging_dir / "models" / "champion").iterdir()
    ]
    assert kept == [second]


def test_hours_missed_while_away_are_refused_as_late(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    close_and_score(world, handler, 0)
    world.close_hour(LIVE + HOUR_MS)
    world.close_hour(LIVE + 2 * HOUR_MS)
    last = close_and_score(world, handler, 3)

    assert [run[2:] for run in world.runs()] == [(4, 0), (0, 4), (0, 4), (4, 0)]
    missed = world.rows(LIVE + 2 * HOUR_MS)
    assert {row.refusal_reason for row in missed.values()} == {LATE}
    for target in (LIVE + 2 * HOUR_MS, LIVE + 3 * HOUR_MS, last):
        assert_equal_everywhere(world, target)


class Broken:
    """A scorer whose answer a test decides."""

    def __init__(self, scorer: Any, action: Callable[[], Any]) -> None:
        self.spec = scorer.spec
        self.expires_ms = scorer.expires_ms
        self.seeds = scorer.seeds
        self.steps = scorer.steps
        self.baseline = scorer.baseline
        self.score = lambda _folder: action()


def raise_oom() -> None:
    message = "out of memory"
    raise MemoryError(message)


@pytest.mark.parametrize(
    ("action", "reason"),
    [
        (raise_oom, "model failed: MemoryError: out of memory"),
        (list, "model failed: no answer for this symbol"),
    ],
)
def test_failing_model_is_a_refusal_and_the_next_hour_is_scored(
    world: ForecastWorld,
    handler: ForecastBatch,
    watcher: ModelWatcher,
    action: Callable[[], Any],
    reason: str,
) -> None:
    sound = watcher.current
    assert isinstance(sound, LoadedModel)
    watcher._current = replace(sound, scorer=Broken(sound.scorer, action))
    close_and_score(world, handler, 0)
    watcher._current = sound
    close_and_score(world, handler, 1)

    refused = world.rows(TARGET)
    assert {row.refusal_reason for row in refused.values()} == {reason}
    assert {row.mask for row in refused.values()} == {"1111"}
    assert_equal_everywhere(world, TARGET)
    assert world.runs()[1][2:] == (4, 0)


def test_expired_model_lends_only_its_bands(world: ForecastWorld, watcher: ModelWatcher) -> None:
    world.publish_model(FIRST, expires_ms=TARGET)
    watcher.check()

    target = close_and_score(world, build_handler(world.context, watcher))

    rows = world.rows(target)
    assert all(row.is_fallback for row in rows.values())
    assert all(row.q05 < row.last_close < row.q95 for row in rows.values())


class CrashError(Exception):
    """Stands for the death of the process at a named point."""


CRASH_POINTS = ("write_forecasts", "send", "commit")


@pytest.mark.parametrize("point", CRASH_POINTS)
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_crash_between_the_stores_leaves_one_set_after_the_replay(
    world: ForecastWorld, handler: ForecastBatch, point: str, is_done: bool
) -> None:
    store = {
        "write_forecasts": handler._hdfs,
        "send": handler._kafka,
        "commit": handler._ledger,
    }[point]
    action = getattr(store, point)

    def crash(*arguments: Any) -> None:
        if is_done:
            action(*arguments)
        raise CrashError

    setattr(store, point, crash)
    with pytest.raises(CrashError):
        close_and_score(world, handler)

    world.clock.now_ms += 30_000  # the restart takes half a minute
    build_handler(world.context, handler._models)(None, 0)  # type: ignore[arg-type]

    assert_equal_everywhere(world, TARGET)
    assert len(world.runs()) == 1
    messages = world.topic_rows(TARGET)
    assert len({message.issued_at_ms for message in messages}) == 1
    assert len(set(messages)) == len(SYMBOLS)
    folder = f"{world.context.namespace.hdfs_root}/forecasts/date=2026-01-01"
    assert len(world.files(folder)) == 1


def test_a_later_repair_of_the_input_changes_no_forecast(
    world: ForecastWorld, handler: ForecastBatch
) -> None:
    world.clock.now_ms = TARGET + 2_000
    candles = world.close_hour(LIVE)
    second = replace(candles[0], revision=2, close=candles[0].high)
    world.store([second])
    assert handler.write_due() is False
    rows = world.rows(TARGET)
    assert rows[second.symbol].last_close == second.close
    assert {s: row.input_revision for s, row in rows.items()} == {
        **dict.fromkeys(SYMBOLS, 1),
        second.symbol: 2,
    }
    stored = (world.hdfs_rows(TARGET), world.topic_rows(TARGET))
    assert stored == (rows, [rows[symbol] for symbol in SYMBOLS])

    world.store([replace(second, revision=3, close=second.low, source="repair")])
    assert handler.write_due() is False
    assert world.rows(TARGET) == rows
    assert (world.hdfs_rows(TARGET), world.topic_rows(TARGET)) == stored
    # the next hour is forecast from what is known then: this hour at its new revision
    target = close_and_score(world, handler, 1)
    assert {row.input_revision for row in world.rows(target).values()} == {1}
