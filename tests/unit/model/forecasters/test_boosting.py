from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.dataset import Windows
from model.forecasters.boosting import GradientBoosting
from model.forecasters.columns import Column, column
from model.forecasters.forecaster import ForecasterError
from model.forecasters.serving import load_fitted
from model.metrics import relative_mae

pytestmark = pytest.mark.unit

Retarget = Callable[..., Windows]
Pick = Callable[[Windows, Any], Windows]


@pytest.fixture(scope="module")
def many(training: Windows, picked: Pick) -> Windows:
    """As many rows as its leaves ask for: the training rows six times."""
    return picked(training, np.tile(np.arange(len(training.z)), 6))


def test_it_finds_what_no_line_can(many: Windows, later: Windows, targeted: Retarget) -> None:
    def bent(rows: Windows, seed: int) -> Windows:
        x = column(rows, Column("volume_z"))
        noise = np.random.default_rng(seed).normal(size=len(x))
        return targeted(rows, np.where(np.abs(x) > 0.6, 1.0, -1.0) + 0.3 * noise)

    known, unknown = bent(many, 0), bent(later, 1)
    median = GradientBoosting(trees=80).fit(known, known, 0).quantiles(unknown)[:, 2]
    assert relative_mae(unknown.z, median, np.zeros_like(median)) < 0.6


def test_it_knows_the_coin(many: Windows, later: Windows, targeted: Retarget) -> None:
    def by_coin(rows: Windows) -> Windows:
        noise = np.random.default_rng(0).normal(size=len(rows.z))
        return targeted(rows, np.where(rows.symbols == "ETHUSDT", 1.0, -1.0) + 0.3 * noise)

    median = GradientBoosting(trees=80).fit(by_coin(many), by_coin(many), 0).quantiles(later)[:, 2]
    assert (np.sign(median) == np.where(later.symbols == "ETHUSDT", 1, -1)).mean() > 0.99


def test_threads_change_no_bit(training: Windows, later: Windows) -> None:
    one = GradientBoosting(trees=20).fit(training, later, 5).quantiles(later)
    two = GradientBoosting(trees=20, threads=2).fit(training, later, 5).quantiles(later)
    np.testing.assert_array_equal(one, two)


def test_noise_is_hardly_believed(training: Windows, later: Windows, targeted: Retarget) -> None:
    z = np.random.default_rng(0).standard_t(3, size=len(training.z))
    median = GradientBoosting().fit(targeted(training, z), later, 0).quantiles(later)[:, 2]
    assert np.std(median) < 0.1


def test_what_validation_contradicts_is_not_believed(
    many: Windows, later: Windows, targeted: Retarget
) -> None:
    signal = column(many, Column("volume_z"))
    rows = targeted(many, signal)
    followed = GradientBoosting(trees=40).fit(rows, rows, 0)
    opposed = GradientBoosting(trees=40).fit(rows, targeted(many, -signal), 0)
    assert (followed.weight, opposed.weight) == (1.0, 0.0)
    believed, shrunk = followed.quantiles(later), opposed.quantiles(later)
    assert not shrunk[:, 2].any()
    np.testing.assert_allclose(shrunk, believed - believed[:, 2:3], atol=1e-12)


def test_it_scores_the_same_out_of_its_files(
    training: Windows, later: Windows, tmp_path: Path
) -> None:
    fitted = replace(GradientBoosting(trees=20).fit(training, training, 0), weight=0.3)
    entry = fitted.save(tmp_path, "lightgbm-0")
    loaded = load_fitted(tmp_path, json.loads(json.dumps(entry)))
    np.testing.assert_array_equal(loaded.quantiles(later), fitted.quantiles(later))
    assert fitted.digest == loaded.digest != replace(fitted, weight=0.4).digest
    del entry["weight"]
    whole = replace(fitted, weight=1.0).quantiles(later)
    np.testing.assert_array_equal(load_fitted(tmp_path, entry).quantiles(later), whole)


def test_a_system_without_openmp_is_told_what_to_install(
    training: Windows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lightgbm.py").write_text("raise OSError('libgomp.so.1: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)
    with pytest.raises(
        ForecasterError, match=r"libgomp\.so\.1: cannot open.*apt-get install libgomp1"
    ):
        GradientBoosting().fit(training, training, 0)
