"""The champion in a walk: no leak, nothing fitted twice, the same whatever else is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.champion import ChampionSettings
from conf.names import HOUR_MS
from model.evaluation.assemble import Walked
from model.evaluation.catalogue import choose
from model.evaluation.champion import Champion, Model
from model.evaluation.predictions import write_predictions
from model.evaluation.walk import Done
from tests.support.walk_models import Seeded
from tests.support.walks import (
    SYMBOLS,
    TEST_FROM_MS,
    holed_panel,
    walked,
    write_folder,
)

pytestmark = pytest.mark.unit

CUT_MS = TEST_FROM_MS + 16 * 24 * HOUR_MS + 5 * HOUR_MS  # in the midst of the third fit's hours
MEMBERS = ("rule", "lad")


def chosen(names: str) -> list[Model]:
    return choose(names, ChampionSettings(members=MEMBERS))


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def whole(candles: Path, cache: Path) -> Walked:
    return walked(candles, chosen("naive,champion"), cache)


def champion_bytes(frame: pd.DataFrame, folder: Path) -> bytes:
    write_predictions(frame[frame["model"] == "champion"], folder / "predictions.parquet")
    return (folder / "predictions.parquet").read_bytes()


def test_candles_after_a_moment_change_no_byte_up_to_it(
    candles: Path, whole: Walked, tmp_path: Path
) -> None:
    cut = write_folder(tmp_path / "cut", holed_panel(), SYMBOLS, CUT_MS)
    part = walked(cut, chosen("naive,champion"), tmp_path / "cache").predictions
    cut_at = pd.Timestamp(CUT_MS, unit="ms", tz="UTC")
    before = whole.predictions[whole.predictions["target_open_time"] <= cut_at]
    assert len(part) == len(before) > 2000
    assert champion_bytes(part, tmp_path) == champion_bytes(before, tmp_path)
    assert champion_bytes(part, tmp_path) != champion_bytes(whole.predictions, tmp_path)


def test_members_are_fitted_and_not_reported(whole: Walked) -> None:
    assert list(whole.predictions["model"].unique()) == ["naive", "champion"]
    assert whole.by_seed.empty
    assert [(run.model, run.refits) for run in whole.runs] == [("naive", 3), ("champion", 3)]
    assert whole.composition is not None
    assert whole.composition.members == MEMBERS
    assert whole.composition.shrinkage is not None
    assert len(whole.composition.shrinkage) == 3


def test_nothing_is_fitted_twice_and_the_order_changes_nothing(
    candles: Path, cache: Path, whole: Walked, tmp_path: Path
) -> None:
    done: list[Done] = []
    again = walked(candles, chosen("champion,drift,lad,rule"), cache, on_done=done.append)
    assert [one.task.forecaster.name for one in done if not one.is_kept] == ["drift"] * 3
    assert len(done) == 4 * 3
    assert list(again.predictions["model"].unique()) == [
        "naive",
        "champion",
        "drift",
        "lad",
        "rule",
    ]
    first = champion_bytes(whole.predictions, tmp_path)
    assert champion_bytes(again.predictions, tmp_path) == first
    other = walked(candles, chosen("rule,lad,champion"), cache)
    assert champion_bytes(other.predictions, tmp_path) == first
    swapped = choose("champion", ChampionSettings(members=MEMBERS[::-1]))
    pd.testing.assert_frame_equal(
        walked(candles, swapped, cache).predictions, whole.predictions, rtol=1e-12
    )


def test_refused_rows_carry_the_baseline(whole: Walked) -> None:
    parts = {
        str(model): rows.reset_index(drop=True)
        for model, rows in whole.predictions.groupby("model")
    }
    naive, champion = parts["naive"], parts["champion"]
    refused = naive["is_refused"]
    assert refused.sum() > 200
    pd.testing.assert_frame_equal(
        champion[refused].drop(columns="model"), naive[refused].drop(columns="model")
    )
    moved = champion[~refused]["q05"] != naive[~refused]["q05"]
    assert moved.mean() > 0.99


def test_the_ensemble_is_the_plain_mean_of_the_champion_s_members(
    candles: Path, cache: Path
) -> None:
    found = walked(candles, chosen("ensemble,champion,rule,lad"), cache)
    assert found.composition is not None
    assert found.composition.shrinkage is not None  # the champion's, not the ensemble's
    rows = {
        str(model): own.reset_index(drop=True) for model, own in found.predictions.groupby("model")
    }
    asked = ~rows["naive"]["is_refused"] & (rows["naive"]["symbol"] != "USDCUSDT")
    assert asked.sum() > 1000
    for level in ("q05", "q50", "q95"):
        z = {name: np.log(own[level] / own["last_close"])[asked] for name, own in rows.items()}
        np.testing.assert_allclose(z["ensemble"], (z["rule"] + z["lad"]) / 2, rtol=1e-6, atol=1e-12)
        assert not np.allclose(z["champion"], z["ensemble"], rtol=1e-3)


def test_each_seed_of_the_champion_is_the_champion_of_its_members_fits_with_that_seed(
    candles: Path, tmp_path: Path
) -> None:
    seeded = Champion((*choose("rule")[1:], Seeded()), ChampionSettings(members=MEMBERS))
    models: list[Model] = [*choose("naive"), seeded]
    cache = tmp_path / "cache"
    several = walked(candles, models, cache, seeds=(1, 2, 6))
    assert list(several.by_seed["model"].unique()) == [f"champion#{seed}" for seed in (1, 2, 6)]
    assert [(run.model, run.refits) for run in several.runs] == [("naive", 3), ("champion", 3)]
    for seed in (1, 2, 6):
        alone = walked(candles, models, cache, seeds=(seed,))
        assert alone.by_seed.empty
        found = several.by_seed[several.by_seed["model"] == f"champion#{seed}"]
        found = found.assign(model="champion")
        assert champion_bytes(found, tmp_path) == champion_bytes(alone.predictions, tmp_path)
        assert champion_bytes(found, tmp_path) != champion_bytes(several.predictions, tmp_path)
