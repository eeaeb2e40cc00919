"""The walk on made-up candles: no leak, no row too many, resumable to the byte."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.dataset import Windows
from model.evaluation.assemble import Walked
from model.evaluation.catalogue import choose
from model.evaluation.plan import Fold
from model.evaluation.predictions import write_predictions
from model.evaluation.walk import Done
from model.evaluation.work import WalkError
from model.forecasters.forecaster import LEVELS, Fitted, ForecasterError
from model.forecasters.recurrent import Recurrent
from tests.support.walk_models import Peeking, Seeded
from tests.support.walks import (
    HALT_MS,
    SYMBOLS,
    TEST_FROM_MS,
    TEST_UNTIL_MS,
    holed_panel,
    walked,
    write_folder,
)

pytestmark = pytest.mark.unit

CHEAP = "naive,drift,rule"
CUT_MS = TEST_FROM_MS + 16 * 24 * HOUR_MS + 5 * HOUR_MS  # in the midst of the third fit's hours


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)


@pytest.fixture(scope="module")
def cut_candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("cut"), holed_panel(), SYMBOLS, CUT_MS)


@pytest.fixture(scope="module")
def whole(candles: Path, tmp_path_factory: pytest.TempPathFactory) -> Walked:
    return walked(candles, choose(CHEAP), tmp_path_factory.mktemp("cache"))


def file_bytes(frame: pd.DataFrame, folder: Path) -> bytes:
    write_predictions(frame, folder / "predictions.parquet")
    return (folder / "predictions.parquet").read_bytes()


def known_by(frame: pd.DataFrame, time_ms: int) -> pd.DataFrame:
    return frame[frame["target_open_time"] <= pd.Timestamp(time_ms, unit="ms", tz="UTC")]


def test_candles_after_a_moment_change_no_byte_of_the_predictions_up_to_it(
    whole: Walked, cut_candles: Path, tmp_path: Path
) -> None:
    part = walked(cut_candles, choose(CHEAP), tmp_path / "cache").predictions
    before = known_by(whole.predictions, CUT_MS)
    assert len(part) == len(before) > 3000
    assert file_bytes(part, tmp_path) == file_bytes(before, tmp_path)


def leaking(fold: Fold) -> Fold:
    return replace(fold, train_until_ms=fold.test_until_ms)


def test_a_planted_leak_is_found(candles: Path, cut_candles: Path, tmp_path: Path) -> None:
    runs = [
        walked(folder, choose(CHEAP), tmp_path / name, change=leaking).predictions
        for name, folder in (("whole", candles), ("cut", cut_candles))
    ]
    assert file_bytes(known_by(runs[0], CUT_MS), tmp_path) != file_bytes(runs[1], tmp_path)


@pytest.mark.timeout(300)
def test_the_network_sees_no_later_candle_either(
    candles: Path, cut_candles: Path, tmp_path: Path
) -> None:
    network = Recurrent("lstm", ModelSettings(epochs=1, threads=1, learning_rate=0.01))

    runs = [
        walked(folder, [network], tmp_path / name, refit_ms=TEST_UNTIL_MS - TEST_FROM_MS + HOUR_MS)
        for name, folder in (("whole", candles), ("cut", cut_candles))
    ]
    whole, part = (run.predictions for run in runs)
    assert file_bytes(known_by(whole, CUT_MS), tmp_path) == file_bytes(part, tmp_path)
    moved = (whole["q50"] != whole["last_close"]).mean()
    assert moved > 0.5  # or λ = 0 would have compared the last close with itself


def test_each_hour_with_a_close_and_a_next_one_is_one_row_per_model(whole: Walked) -> None:
    panel = holed_panel()
    closes = {(s, t): c for s, t, c in zip(*(panel[n] for n in KEYS), strict=True)}
    expected = {
        (symbol, time): (close, closes[symbol, time + HOUR_MS])
        for (symbol, time), close in closes.items()
        if TEST_FROM_MS <= time <= TEST_UNTIL_MS and (symbol, time + HOUR_MS) in closes
    }
    assert ("BTCUSDT", HALT_MS - HOUR_MS) not in expected
    for model in ("naive", "drift", "rule"):
        rows = whole.predictions[whole.predictions["model"] == model]
        times = rows["open_time"].astype("int64")
        found = {
            (symbol, time): (last, actual)
            for symbol, time, last, actual in zip(
                rows["symbol"], times, rows["last_close"], rows["actual_close"], strict=True
            )
        }
        assert len(rows) == len(found)
        assert found == expected
        gap = rows["target_open_time"] - rows["open_time"]
        assert (gap == pd.Timedelta(hours=1)).all()


KEYS = ("symbol", "open_time_ms", "close")


def test_refused_rows_are_the_same_and_carry_the_baseline(whole: Walked) -> None:
    keys = ["symbol", "open_time", "is_refused", "reason"]
    prices = ["q05", "q25", "q50", "q75", "q95"]
    parts = {
        str(model): rows.reset_index(drop=True)
        for model, rows in whole.predictions.groupby("model")
    }
    naive = parts["naive"]
    refused = naive["is_refused"]
    assert 200 < refused.sum() < 500
    assert (naive["reason"].notna() == refused).all()
    assert (naive["q50"] == naive["last_close"]).all()
    for rows in parts.values():
        pd.testing.assert_frame_equal(rows[keys], naive[keys])
        pd.testing.assert_frame_equal(rows[refused][prices], naive[refused][prices])
        assert np.isfinite(rows[prices].to_numpy()).all()
        assert (np.diff(rows[prices].to_numpy(), axis=1) >= 0).all()
    volatile = ~refused & (naive["symbol"] != "USDCUSDT")
    assert (parts["rule"][volatile]["q50"] != naive[volatile]["q50"]).mean() > 0.99


def test_stable_coins_keep_their_own_rule_whatever_the_model(whole: Walked) -> None:
    stable = whole.predictions[
        (whole.predictions["symbol"] == "USDCUSDT") & ~whole.predictions["is_refused"]
    ]
    rule = stable[stable["model"] == "rule"].reset_index(drop=True)
    drift = stable[stable["model"] == "drift"].reset_index(drop=True)
    pd.testing.assert_frame_equal(rule.drop(columns="model"), drift.drop(columns="model"))
    assert (rule["q50"] == rule["last_close"]).all()
    assert ((rule["last_close"] - rule["q05"]) > 0.99e-4).all()  # at least one tick
    width = rule["q95"] / rule["q05"] - 1
    assert width.max() < 0.01  # its own quantiles and volatility, not those of the others


def medians(frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    rows = frame[~frame["is_refused"] & (frame["symbol"] != "USDCUSDT")]
    return np.log(rows["q50"] / rows["last_close"]).to_numpy()


def test_the_quantiles_of_the_seeds_are_averaged(candles: Path, tmp_path: Path) -> None:
    found = walked(candles, [*choose("naive"), Seeded()], tmp_path, seeds=(1, 2, 6))
    assert set(found.predictions["model"]) == {"naive", "seeded"}
    seeds = {str(m): medians(f) for m, f in found.by_seed.groupby("model")}
    assert sorted(seeds) == ["seeded#1", "seeded#2", "seeded#6"]
    mean = medians(found.predictions[found.predictions["model"] == "seeded"])
    assert np.allclose(mean, 3 * seeds["seeded#1"])
    assert np.allclose(seeds["seeded#6"], 6 * seeds["seeded#1"])
    assert [(run.model, run.seed, run.refits) for run in found.runs] == [
        ("naive", 0, 3),
        ("seeded", 1, 3),
        ("seeded", 2, 3),
        ("seeded", 6, 3),
    ]
    assert all(run.peak_mib > 50 for run in found.runs)


def test_an_interrupted_walk_goes_on_and_gives_the_same_bytes(
    candles: Path, whole: Walked, tmp_path: Path
) -> None:
    first: list[Done] = []

    def interrupt(done: Done) -> None:
        first.append(done)
        if len(first) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        walked(candles, choose(CHEAP), tmp_path / "cache", on_done=interrupt)
    damaged = next((tmp_path / "cache").glob("rule-0-*.npz"))
    damaged.write_bytes(damaged.read_bytes()[:100])
    second: list[Done] = []
    again = walked(candles, choose(CHEAP), tmp_path / "cache", on_done=second.append)
    assert [done.is_kept for done in second] == [True] * 3 + [False] * 6
    assert second[-1].remaining_s == 0
    assert file_bytes(again.predictions, tmp_path) == file_bytes(whole.predictions, tmp_path)


def test_other_candles_take_nothing_from_the_cache(candles: Path, tmp_path: Path) -> None:
    walked(candles, choose("drift"), tmp_path / "cache")
    panel = holed_panel()
    panel.loc[panel["open_time_ms"] == TEST_FROM_MS - 20 * 24 * HOUR_MS, "close"] *= 1.001
    changed = write_folder(tmp_path / "changed", panel, SYMBOLS)
    done: list[Done] = []
    walked(changed, choose("drift"), tmp_path / "cache", on_done=done.append)
    assert not any(one.is_kept for one in done)


class Blindfold(Seeded):
    """Takes note of every target that it is handed when it scores."""

    name = "blindfold"

    def __init__(self) -> None:
        self.seen = 0
        self.rows = 0

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        return self  # type: ignore[return-value]

    def quantiles(self, rows: Windows) -> npt.NDArray[np.float64]:
        self.seen += int(np.isfinite(rows.z).sum())
        self.rows += len(rows.z)
        return np.tile(np.asarray(LEVELS), (len(rows.z), 1))


def test_no_target_is_handed_over_for_scoring(candles: Path, tmp_path: Path) -> None:
    blindfold = Blindfold()
    walked(candles, [*choose("naive"), blindfold], tmp_path)
    assert blindfold.rows > 1000
    assert blindfold.seen == 0


def test_a_model_that_fails_is_one_line(candles: Path, tmp_path: Path) -> None:
    with pytest.raises(ForecasterError, match="peeking: its quantiles are not finite"):
        walked(candles, [*choose("naive"), Peeking()], tmp_path)


def test_a_folder_without_volatile_coins_is_one_line(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "candles", holed_panel(), ["USDCUSDT"])
    with pytest.raises(WalkError, match="fit 1 has 0 rows to train on"):
        walked(folder, choose("naive"), tmp_path / "cache")
