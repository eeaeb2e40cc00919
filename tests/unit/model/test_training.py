"""The fit on a small history with a strong reversal, and what is published from it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pandas as pd
import pytest

from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.dataset import read_columns, read_windows, training_batches
from model.features import FeatureSpec, build_rows
from model.inference import Scorer, ScoringError, features_parquet
from model.metrics import pinball
from model.network import weights_hash
from model.publication import build_manifest, fit_stable_coins, write_version_files
from model.training import Fit, TrainingError, fit, predict
from model.validation import judge
from model.windows import Snapshot
from tests.support.model_history import COINS, START_MS, plan_of, random_panel, write_snapshot

pytestmark = pytest.mark.unit

SPEC = FeatureSpec(COINS)
SETTINGS = ModelSettings(epochs=3, batch_size=128, fit_seconds=600, chunk_hours=500)
HOURS = 45 * 24


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return random_panel(hours=HOURS, reversal=0.5)


@pytest.fixture(scope="module")
def snapshot(panel: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("windows")
    write_snapshot(folder, panel, SPEC, SETTINGS)
    return folder


@pytest.fixture(scope="module")
def fitted(snapshot: Path) -> Fit:
    return fit(snapshot, SPEC, SETTINGS)


@pytest.fixture(scope="module")
def version_dir(
    fitted: Fit, snapshot: Path, panel: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("version")
    source = Snapshot(
        "/x/h=0123456789abcdef", {"plan": asdict(plan_of(panel, SETTINGS)), "files": []}
    )
    manifest = build_manifest(
        fitted,
        judge(fitted.validation, fitted.quantiles, fitted.base, QUANTILES),
        source,
        SPEC,
        SETTINGS,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        weights_hash=weights_hash(fitted.network),
    )
    rules = fit_stable_coins(snapshot, SPEC, fitted.base)
    write_version_files(folder, fitted, rules, SPEC, manifest, source)
    return folder


@pytest.fixture(scope="module")
def scorer(version_dir: Path) -> Scorer:
    return Scorer.load(version_dir)


def hour_dir(panel: pd.DataFrame, tmp_path: Path, index: int = HOURS - 1) -> Path:
    rows = build_rows(panel, COINS, [START_MS + index * HOUR_MS], spec=SPEC)
    (tmp_path / "features.parquet").write_bytes(features_parquet(rows))
    return tmp_path


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
    assert set(windows.symbols) == {"BTCUSDT", "ETHUSDT", "DOGEUSDT"}


def test_untrained_epoch_is_the_baseline_and_training_beats_it(fitted: Fit) -> None:
    bands = np.tile(fitted.base, (len(fitted.validation.z), 1))
    baseline = pinball(fitted.validation.z, bands, QUANTILES)
    assert fitted.epochs[0].val_pinball == pytest.approx(baseline, rel=1e-6)
    assert fitted.best > 0
    assert min(epoch.val_pinball for epoch in fitted.epochs) < 0.98 * baseline


def test_best_weights_are_kept(fitted: Fit) -> None:
    kept = pinball(fitted.validation.z, predict(fitted.network, fitted.validation), QUANTILES)
    assert kept == min(epoch.val_pinball for epoch in fitted.epochs)


def test_judgement_finds_the_reversal(fitted: Fit) -> None:
    judgement = judge(fitted.validation, fitted.quantiles, fitted.base, QUANTILES)
    assert judgement.status == "bootstrap"
    assert judgement.val_rmae < 1
    assert judgement.val_da > 0.55
    assert judgement.crossings == 0


def test_equal_seeds_give_equal_weights(snapshot: Path, fitted: Fit) -> None:
    again = fit(snapshot, SPEC, SETTINGS)
    assert weights_hash(again.network) == weights_hash(fitted.network)
    other = fit(snapshot, SPEC, SETTINGS.model_copy(update={"seed": 8, "epochs": 1}))
    assert weights_hash(other.network) != weights_hash(fitted.network)


def test_no_windows_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="no training or no validation windows"):
        fit(tmp_path, SPEC, SETTINGS)


def test_scores_every_coin_with_rising_prices(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    scored = {s.symbol: s.quantiles for s in scorer.score(hour_dir(panel, tmp_path))}
    last = panel.groupby("symbol")["close"].last()
    assert list(scored) == list(COINS)
    for symbol, quantiles in scored.items():
        assert tuple(quantiles) == QUANTILES
        assert list(quantiles.values()) == sorted(quantiles.values())
        assert quantiles[0.05] < last[symbol] < quantiles[0.95]
    assert scored["USDCUSDT"][0.5] == last["USDCUSDT"]
    assert scored["BTCUSDT"][0.5] != last["BTCUSDT"]


def test_live_score_equals_the_fits_own_on_the_same_hour(
    scorer: Scorer, fitted: Fit, panel: pd.DataFrame, tmp_path: Path
) -> None:
    """Features made for one hour and scored by the saved model = training windows and network."""
    index = HOURS - 30
    scored = {s.symbol: s.quantiles for s in scorer.score(hour_dir(panel, tmp_path, index))}
    at = fitted.validation.open_time_ms == START_MS + index * HOUR_MS
    assert at.sum() == 3
    for row in np.flatnonzero(at):
        windows = fitted.validation
        prices = windows.last_close[row] * np.exp(windows.sigma[row] * fitted.quantiles[row])
        live = list(scored[windows.symbols[row]].values())
        np.testing.assert_allclose(live, prices, rtol=1e-7)


def test_unusable_rows_are_not_scored(scorer: Scorer, panel: pd.DataFrame, tmp_path: Path) -> None:
    last = START_MS + (HOURS - 1) * HOUR_MS
    without = panel[(panel["symbol"] != "ETHUSDT") | (panel["open_time_ms"] != last)]
    scored = [s.symbol for s in scorer.score(hour_dir(without, tmp_path))]
    assert scored == ["BTCUSDT", "DOGEUSDT", "USDCUSDT"]


def test_an_hour_without_usable_rows_gives_nothing(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    assert scorer.score(hour_dir(panel.head(0), tmp_path)) == []


def test_nonsense_from_the_network_is_an_error(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    columns = read_columns(
        hour_dir(panel, tmp_path), ("symbol", "coin", "sequence", "static", "sigma", "last_close")
    )
    columns["sequence"] = columns["sequence"].copy()
    columns["sequence"][0, 5] = np.nan
    with pytest.raises(ScoringError, match="BTCUSDT"):
        scorer.score_columns(columns)


def test_ten_rows_score_within_the_budget(
    scorer: Scorer, panel: pd.DataFrame, tmp_path: Path
) -> None:
    columns = read_columns(
        hour_dir(panel, tmp_path), ("symbol", "coin", "sequence", "static", "sigma", "last_close")
    )
    ten = {name: np.concatenate([values] * 3)[:10] for name, values in columns.items()}
    best = min(_seconds(lambda: scorer.score_columns(ten)) for _ in range(20))
    assert best < 0.020


def _seconds(action: Callable[[], object]) -> float:
    began = time.perf_counter()
    action()
    return time.perf_counter() - began


def test_a_model_of_other_features_is_refused(version_dir: Path, tmp_path: Path) -> None:
    for path in version_dir.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    signature = orjson.loads((tmp_path / "signature.json").read_bytes())
    signature["spec"]["half_life_hours"] = 12
    (tmp_path / "signature.json").write_bytes(orjson.dumps(signature))
    with pytest.raises(ValueError, match="expects features"):
        Scorer.load(tmp_path)


def test_card_names_the_figures_and_the_limits(version_dir: Path) -> None:
    card = (version_dir / "card.md").read_text()
    assert "2026-01-01T000000Z-" in card
    assert "Not for" in card
    assert "no evidence of skill" in card
    assert "USDCUSDT" in card


def test_baseline_is_the_published_bands(scorer: Scorer, fitted: Fit) -> None:
    bands = scorer.baseline(100.0, 0.01)
    assert bands[0.5] == 100.0
    assert bands[0.95] == pytest.approx(100 * np.exp(0.01 * fitted.base[-1]))
