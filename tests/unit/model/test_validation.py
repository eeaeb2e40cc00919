from __future__ import annotations

import numpy as np
import pytest

from conf.contracts.forecasts import QUANTILES
from model.dataset import Windows
from model.validation import judge

pytestmark = pytest.mark.unit

BASE = (-1.6, -0.6, 0.0, 0.6, 1.6)


@pytest.fixture
def windows() -> Windows:
    rng = np.random.default_rng(0)
    return Windows(
        symbols=np.array(["A", "B"] * 500, dtype=object),
        open_time_ms=np.arange(1000),
        inputs={},
        sigma=np.full(1000, 0.01),
        last_close=np.full(1000, 50.0),
        z=rng.normal(size=1000),
    )


def test_the_baseline_itself_may_serve(windows: Windows) -> None:
    judgement = judge(windows, np.tile(BASE, (1000, 1)), BASE, QUANTILES)
    assert judgement.status == "bootstrap"
    assert judgement.val_rmae == 1.0
    assert judgement.val_da == 0.5
    assert judgement.rmae == {"A": 1.0, "B": 1.0}


def test_worse_bands_stay_a_candidate(windows: Windows) -> None:
    judgement = judge(windows, 2.0 * np.tile(BASE, (1000, 1)), BASE, QUANTILES)
    assert judgement.val_pinball > judgement.ewma_pinball
    assert judgement.status == "candidate"


def test_no_number_stays_a_candidate(windows: Windows) -> None:
    judgement = judge(windows, np.full((1000, 5), np.nan), BASE, QUANTILES)
    assert judgement.status == "candidate"


def test_crossed_quantiles_stay_a_candidate(windows: Windows) -> None:
    crossed = np.tile(BASE, (1000, 1)) + 0.3 * windows.z[:, None]
    crossed[0] = crossed[0, ::-1]
    judgement = judge(windows, crossed, BASE, QUANTILES)
    assert judgement.val_pinball < judgement.ewma_pinball
    assert judgement.status == "candidate"
