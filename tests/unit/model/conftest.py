"""One small champion, fitted once: a history with a strong reversal, its windows, its version."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from conf.champion import ChampionSettings
from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from model.champion_fit import ChampionFit, fit_champion
from model.features import FeatureSpec
from model.inference import Scorer
from model.publication import build_manifest, write_version_files
from model.validation import judge
from model.windows import Snapshot
from tests.support.model_history import COINS, plan_of, random_panel, write_snapshot

SPEC = FeatureSpec(COINS)
SETTINGS = ModelSettings(epochs=3, batch_size=128, fit_seconds=600, chunk_hours=500)
CHAMPION = ChampionSettings(members=("lstm", "lightgbm"))
HOURS = 45 * 24


@pytest.fixture(scope="session")
def panel() -> pd.DataFrame:
    return random_panel(hours=HOURS, reversal=0.5)


@pytest.fixture(scope="session")
def snapshot(panel: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("windows")
    write_snapshot(folder, panel, SPEC, SETTINGS)
    return folder


@pytest.fixture(scope="session")
def fitted(snapshot: Path) -> ChampionFit:
    return fit_champion(snapshot, SPEC, SETTINGS, CHAMPION)


@pytest.fixture(scope="session")
def version_dir(
    fitted: ChampionFit, panel: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
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
        CHAMPION,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    write_version_files(folder, fitted, SPEC, CHAMPION, manifest, source)
    return folder


@pytest.fixture(scope="session")
def scorer(version_dir: Path) -> Scorer:
    return Scorer.load(version_dir)
