"""The champion on a small history with a strong reversal, and what is published of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.champion import ChampionSettings
from conf.contracts.forecasts import QUANTILES
from model.champion_fit import ChampionFit, TrainingError, fit_champion
from model.conformal import WINDOW_HOURS
from model.dataset import read_columns, read_windows, training_batches
from model.metrics import pinball
from model.publication import weights_hash
from model.shrinkage import shrink
from model.validation import judge
from tests.support.model_history import COINS
from tests.unit.model.conftest import CHAMPION, SETTINGS, SPEC

pytestmark = pytest.mark.unit

VOLATILE = {symbol for symbol in COINS if symbol != "USDCUSDT"}


def test_petastorm_gives_every_window_once_per_pass(snapshot: Path) -> None:
    folder = snapshot / "part=volatile-train"
    known = np.sort(read_columns(folder, ["target_z"])["target_z"])
    with training_batches(folder, SPEC, batch_size=50, epochs=2, seed=1) as batches:
        taken = np.concatenate([np.asarray(z) for _, z in batches])
    twice = np.sort(np.concatenate([known, known]))
    assert len(twice) - len(taken) < 50  # the last batch is not full
    assert np.isin(taken, known).all()
    assert set(np.unique(taken)) == set(np.unique(known))


def test_order_of_batches_depends_on_the_seed_alone(snapshot: Path) -> None:
    def first(seed: int) -> np.ndarray:
        folder = snapshot / "part=volatile-train"
        with training_batches(folder, SPEC, batch_size=64, epochs=1, seed=seed) as batches:
            return np.concatenate([np.asarray(z) for _, z in batches])

    np.testing.assert_array_equal(first(5), first(5))
    assert (first(5) != first(6)).any()


def test_windows_in_memory_are_ordered_and_complete(snapshot: Path) -> None:
    windows = read_windows(snapshot / "part=volatile-validation", SPEC)
    assert len(windows.z) == (14 * 24 - 1) * 3  # the last hour has no next close
    assert (np.diff(windows.open_time_ms) >= 0).all()
    assert windows.inputs["sequence"].shape[1:] == (48, SPEC.sequence_width)
    assert set(windows.symbols) == VOLATILE


def test_the_untrained_network_is_the_baseline_and_training_beats_it(fitted: ChampionFit) -> None:
    bands = np.tile(fitted.base, (len(fitted.validation.z), 1))
    baseline = pinball(fitted.validation.z, bands, QUANTILES)
    losses = [told.epoch.val_pinball for told in fitted.epochs]
    assert losses[0] == pytest.approx(baseline, rel=1e-6)
    assert min(losses) < 0.98 * baseline


def test_the_best_weights_of_a_network_are_kept(fitted: ChampionFit) -> None:
    (network,) = fitted.composed.members[0].fits
    alone = replace(network, weight=1.0).quantiles(fitted.validation)
    assert pinball(fitted.validation.z, alone, QUANTILES) == min(
        told.epoch.val_pinball for told in fitted.epochs
    )


def test_composed_is_the_mean_of_the_members_times_lambda(fitted: ChampionFit) -> None:
    network, trees = (member.quantiles(fitted.validation) for member in fitted.composed.members)
    expected = shrink((network + trees) / 2, fitted.composed.weight)
    np.testing.assert_allclose(fitted.quantiles, expected, rtol=1e-12)
    assert not np.allclose(network, trees)


def test_judgement_finds_the_reversal(fitted: ChampionFit) -> None:
    judgement = judge(fitted.validation, fitted.quantiles, fitted.base, QUANTILES)
    assert judgement.status == "bootstrap"
    assert judgement.val_rmae < 1
    assert judgement.val_da > 0.55
    assert judgement.crossings == 0


def test_states_know_the_validation_and_nothing_else(fitted: ChampionFit) -> None:
    assert set(fitted.states) == set(COINS)
    hours = {
        symbol: int((fitted.validation.symbols == symbol).sum()) for symbol in sorted(VOLATILE)
    }
    for symbol in COINS:
        state = fitted.states[symbol]
        known = hours.get(symbol, 14 * 24 - 1)
        assert len(state.conformal.scores[0]) == min(known, WINDOW_HOURS)
        assert len(state.guard.outcomes) == (0 if symbol == "USDCUSDT" else known)


def test_equal_seeds_give_equal_fits(snapshot: Path, fitted: ChampionFit) -> None:
    again = fit_champion(snapshot, SPEC, SETTINGS, CHAMPION)
    assert weights_hash(again) == weights_hash(fitted)
    other = SETTINGS.model_copy(update={"seed": 8, "epochs": 1})
    assert weights_hash(fit_champion(snapshot, SPEC, other, CHAMPION)) != weights_hash(fitted)


def test_several_seeds_are_averaged(snapshot: Path) -> None:
    settings = SETTINGS.model_copy(update={"fits": 2, "epochs": 1})
    fitted = fit_champion(snapshot, SPEC, settings, ChampionSettings(members=("lstm",)))
    (member,) = fitted.composed.members
    first, second = (one.quantiles(fitted.validation) for one in member.fits)
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(member.quantiles(fitted.validation), (first + second) / 2)


def test_no_windows_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training or no validation windows"):
        fit_champion(tmp_path, SPEC, SETTINGS, CHAMPION)


def test_a_member_that_cannot_be_served_is_refused_before_any_fit(snapshot: Path) -> None:
    champion = ChampionSettings(members=("lstm", "paper"))
    with pytest.raises(TrainingError, match="paper cannot be served"):
        fit_champion(snapshot, SPEC, SETTINGS, champion)


def test_card_names_the_figures_and_the_limits(version_dir: Path, panel: pd.DataFrame) -> None:
    card = (version_dir / "card.md").read_text()
    assert "2026-01-01T000000Z-" in card
    assert "Not for" in card
    assert "no evidence of skill" in card
    assert "lstm, lightgbm" in card
    assert "USDCUSDT" in card
