"""A version loaded from its files and asked for one hour."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from conf.contracts.forecasts import QUANTILES
from conf.names import HOUR_MS
from model.champion_fit import ChampionFit
from model.dataset import read_columns
from model.features import build_rows
from model.forecasters.forecaster import ForecasterError
from model.inference import FIELDS, Scorer, ScoringError, features_parquet
from tests.support.model_history import COINS, START_MS
from tests.unit.model.conftest import HOURS, SPEC

pytestmark = pytest.mark.unit


def hour_dir(panel: pd.DataFrame, tmp_path: Path, index: int = HOURS - 1) -> Path:
    rows = build_rows(panel, COINS, [START_MS + index * HOUR_MS], spec=SPEC)
    (tmp_path / "features.parquet").write_bytes(features_parquet(rows))
    return tmp_path


def test_scores_every_coin_with_rising_quantiles(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    scored = {one.symbol: one for one in scorer.score(hour_dir(panel, tmp_path))}
    last = panel.groupby("symbol")["close"].last()
    assert list(scored) == list(COINS)
    for symbol, one in scored.items():
        assert len(one.z) == len(one.base_z) == len(QUANTILES)
        assert list(one.z) == sorted(one.z)
        assert one.z[0] < 0 < one.z[-1]
        assert one.last_close == last[symbol]
    assert scored["USDCUSDT"].z[2] == 0.0
    assert scored["BTCUSDT"].z[2] != 0.0
    assert scored["BTCUSDT"].base_z[2] == 0.0


def test_a_depegged_stable_coin_is_flagged_and_its_bands_are_wider(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    far = panel.copy()
    last = far["open_time_ms"] == START_MS + (HOURS - 1) * HOUR_MS
    far.loc[last & (far["symbol"] == "USDCUSDT"), ["low", "close"]] = 0.9
    (pegged,) = (s for s in scorer.score(hour_dir(panel, tmp_path)) if s.symbol == "USDCUSDT")
    (off,) = (s for s in scorer.score(hour_dir(far, tmp_path)) if s.symbol == "USDCUSDT")
    assert not pegged.is_depegged
    assert off.is_depegged
    assert off.z[-1] - off.z[0] > 1.9 * (off.base_z[-1] - off.base_z[0])


def test_live_score_equals_the_fits_own_on_the_same_hour(
    scorer: Scorer, fitted: ChampionFit, panel: pd.DataFrame, tmp_path: Path
) -> None:
    """Features made for one hour and scored by the saved members = training windows and fits."""
    index = HOURS - 30
    scored = {one.symbol: one for one in scorer.score(hour_dir(panel, tmp_path, index))}
    at = fitted.validation.open_time_ms == START_MS + index * HOUR_MS
    assert at.sum() == 3
    for row in np.flatnonzero(at):
        one = scored[fitted.validation.symbols[row]]
        np.testing.assert_allclose(one.z, fitted.quantiles[row], atol=2e-7)
        assert one.sigma == fitted.validation.sigma[row]


def test_unusable_rows_are_not_scored(scorer: Scorer, panel: pd.DataFrame, tmp_path: Path) -> None:
    last = START_MS + (HOURS - 1) * HOUR_MS
    without = panel[(panel["symbol"] != "ETHUSDT") | (panel["open_time_ms"] != last)]
    scored = [s.symbol for s in scorer.score(hour_dir(without, tmp_path))]
    assert scored == ["BTCUSDT", "DOGEUSDT", "USDCUSDT"]


def test_an_hour_without_usable_rows_gives_nothing(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    assert scorer.score(hour_dir(panel.head(0), tmp_path)) == []


def test_nonsense_from_a_member_is_an_error(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    columns = read_columns(hour_dir(panel, tmp_path), FIELDS)
    columns["sequence"] = columns["sequence"].copy()
    columns["sequence"][0, 5] = np.nan
    with pytest.raises(ScoringError, match="BTCUSDT"):
        scorer.score_columns(columns)


def test_ten_rows_score_within_the_budget(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    columns = read_columns(hour_dir(panel, tmp_path), FIELDS)
    ten = {name: np.concatenate([values] * 3)[:10] for name, values in columns.items()}
    best = min(_seconds(lambda: scorer.score_columns(ten)) for _ in range(20))
    assert best < 0.020


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def changed(version_dir: Path, tmp_path: Path, change: Callable[[dict], None]) -> Path:
    for path in version_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    signature = orjson.loads((tmp_path / "signature.json").read_bytes())
    change(signature)
    (tmp_path / "signature.json").write_bytes(orjson.dumps(signature))
    return tmp_path


def test_a_model_of_other_features_is_refused(version_dir: Path, tmp_path: Path) -> None:
    folder = changed(version_dir, tmp_path, lambda s: s["spec"].update(half_life_hours=12))
    with pytest.raises(ValueError, match="expects features"):
        Scorer.load(folder)


def test_a_member_of_an_unknown_kind_is_refused(version_dir: Path, tmp_path: Path) -> None:
    def change(signature: dict) -> None:
        signature["members"][1]["fits"][0]["kind"] = "pickle"

    with pytest.raises(ForecasterError, match="'pickle'"):
        Scorer.load(changed(version_dir, tmp_path, change))


def test_a_file_that_holds_no_trees_is_refused(version_dir: Path, tmp_path: Path) -> None:
    folder = changed(version_dir, tmp_path, lambda _: None)
    (name,) = [path.name for path in folder.glob("lightgbm-*-50.txt")]
    (folder / name).write_text("nothing")
    with pytest.raises(ForecasterError, match=name):
        Scorer.load(folder)


def test_baseline_is_naive_with_the_bands_of_training(scorer: Scorer, fitted: ChampionFit) -> None:
    answer = scorer.baseline("BTCUSDT", 100.0, 0.01)
    assert answer.z == answer.base_z == fitted.base
    assert (answer.last_close, answer.sigma) == (100.0, 0.01)


def test_stable_coins_have_no_guard(scorer: Scorer) -> None:
    assert scorer.steps("BTCUSDT").is_guarded
    assert not scorer.steps("USDCUSDT").is_guarded
    assert scorer.steps("USDCUSDT").is_calibrated


def test_what_guard_and_calibration_begin_with_comes_along(
    scorer: Scorer, fitted: ChampionFit
) -> None:
    assert scorer.seeds == fitted.states
