"""Two workers of a barrier stage train one network: equal weights, and as good as one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from conf.champion import ChampionSettings
from conf.model import ModelSettings
from model.features import FeatureSpec
from tests.support.bundle import ROOT
from tests.support.model_history import COINS, random_panel, write_snapshot

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

SPEC = FeatureSpec(COINS)
SETTINGS = ModelSettings(epochs=3, batch_size=128, fit_seconds=600, chunk_hours=500)
DRIVER = """
import json, sys
from pathlib import Path
from conf.connections.spark import build_session
from conf.model import ModelSettings
from conf.settings import HdfsSettings, SparkSettings
from model.distributed import Work, fit_distributed
from model.features import FeatureSpec
from model.metrics import pinball
from model.dataset import read_windows
from conf.contracts.forecasts import QUANTILES

windows, checkpoints, coins, epochs = sys.argv[1:]
spec = FeatureSpec(tuple(coins.split(",")))
settings = ModelSettings(epochs=int(epochs), batch_size=128, fit_seconds=600)
session = build_session("distributed", SparkSettings(master="local[2]", driver_memory="512m"),
                        HdfsSettings(url="file:///"), {"spark.python.worker.reuse": "false"})
work = Work(Path(windows), Path(checkpoints), spec, settings, "lstm", 2)
fitted = fit_distributed(session, work)
validation = read_windows(Path(windows) / "part=volatile-validation", spec)
loss = pinball(validation.z, fitted.quantiles(validation), QUANTILES)
session.stop()
print(json.dumps({"loss": loss, "best": fitted.best, "digest": fitted.digest}))
"""


def train(windows: Path, checkpoints: Path, epochs: int) -> dict[str, float]:
    arguments = [str(windows), str(checkpoints), ",".join(COINS), str(epochs)]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_two_workers_end_with_equal_weights_and_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    from model.champion_fit import fit_champion
    from model.metrics import pinball

    windows, checkpoints = tmp_path / "windows", tmp_path / "checkpoints"
    write_snapshot(windows, random_panel(hours=45 * 24, reversal=0.5), SPEC, SETTINGS)
    # Raises if the two hashes differ.
    together = train(windows, checkpoints, SETTINGS.epochs)
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        f"epoch-000{number}.npz" for number in (1, 2, 3)
    ]
    alone = fit_champion(windows, SPEC, SETTINGS, ChampionSettings(members=("lstm",)))
    levels = (0.05, 0.25, 0.5, 0.75, 0.95)
    own = pinball(alone.validation.z, alone.composed.members[0].quantiles(alone.validation), levels)
    untrained = alone.epochs[0].epoch.val_pinball
    assert together["loss"] < 0.99 * untrained
    assert together["loss"] == pytest.approx(own, rel=0.02)

    # A stage that Spark repeats finds the last epoch done, and has nothing left to train.
    again = train(windows, checkpoints, SETTINGS.epochs)
    assert again == together
