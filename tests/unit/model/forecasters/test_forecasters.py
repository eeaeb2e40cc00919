"""What holds of every forecaster."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from model.dataset import Windows
from model.forecasters.families import FORECASTERS
from model.forecasters.forecaster import LEVELS, Fitted
from model.metrics import coverage

pytestmark = pytest.mark.unit

Pick = Callable[[Windows, Any], Windows]


@pytest.fixture(scope="module", params=list(FORECASTERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def fitted(name: str, training: Windows, validation: Windows) -> Fitted:
    return FORECASTERS[name].fit(training, validation, 3)


def test_quantiles_rise_in_every_row(fitted: Fitted, later: Windows) -> None:
    quantiles = fitted.quantiles(later)
    assert quantiles.shape == (len(later.z), len(LEVELS))
    assert quantiles.dtype == np.float64
    assert np.isfinite(quantiles).all()
    assert (np.diff(quantiles, axis=1) > 0).all()


@pytest.mark.parametrize("name", [name for name in FORECASTERS if name != "paper"], indirect=True)
def test_bands_hold_what_they_say(fitted: Fitted, later: Windows) -> None:
    """Not the paper's: levels leave its bands as soon as they leave its training range."""
    quantiles = fitted.quantiles(later)
    assert coverage(later.z, quantiles[:, 0], quantiles[:, 4]) == pytest.approx(0.9, abs=0.05)
    assert coverage(later.z, quantiles[:, 1], quantiles[:, 3]) == pytest.approx(0.5, abs=0.06)


def test_a_row_has_the_same_bits_whatever_the_others(
    fitted: Fitted, later: Windows, picked: Pick
) -> None:
    whole = fitted.quantiles(later)
    some = np.random.default_rng(0).permutation(len(later.z))[:333]
    np.testing.assert_array_equal(fitted.quantiles(picked(later, some)), whole[some])
    for row in (0, 7, 500):
        np.testing.assert_array_equal(
            fitted.quantiles(picked(later, slice(row, row + 1))), whole[row : row + 1]
        )
    assert fitted.quantiles(picked(later, slice(0, 0))).shape == (0, len(LEVELS))


def test_the_outcome_is_never_looked_at(
    fitted: Fitted, later: Windows, targeted: Callable[..., Windows]
) -> None:
    blind = targeted(later, np.full(len(later.z), np.nan))
    np.testing.assert_array_equal(fitted.quantiles(blind), fitted.quantiles(later))


def test_the_same_fit_has_the_same_bits(
    name: str, fitted: Fitted, training: Windows, validation: Windows, later: Windows
) -> None:
    again = FORECASTERS[name].fit(training, validation, 3)
    np.testing.assert_array_equal(again.quantiles(later), fitted.quantiles(later))


def test_only_a_seeded_forecaster_depends_on_the_seed(
    name: str, fitted: Fitted, training: Windows, validation: Windows, later: Windows
) -> None:
    other = FORECASTERS[name].fit(training, validation, 4).quantiles(later)
    assert np.array_equal(other, fitted.quantiles(later)) != FORECASTERS[name].is_seeded


def test_it_can_be_sent_to_another_process(name: str, fitted: Fitted, later: Windows) -> None:
    sent = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(sent.quantiles(later), fitted.quantiles(later))
    assert repr(pickle.loads(pickle.dumps(FORECASTERS[name]))) == repr(FORECASTERS[name])


def test_names_are_those_of_the_command() -> None:
    assert [forecaster.name for forecaster in FORECASTERS.values()] == list(FORECASTERS)
    assert next(iter(FORECASTERS)) == "naive"  # which all are judged against
