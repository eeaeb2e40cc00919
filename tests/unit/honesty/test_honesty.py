"""The parts of `python -m tests.honesty`: what is wanted of a row, dealt outcomes, the market's folder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model.dataset import Windows
from model.evaluation.hours import read_hours
from tests.honesty.market import write_market
from tests.honesty.report import judge
from tests.honesty.shuffled import Shuffled
from tests.support.walk_models import Constants, Seeded

pytestmark = pytest.mark.unit

START_MS = 1_640_995_200_000


@pytest.mark.parametrize(
    ("market", "rmae", "dm_t", "is_met"),
    [
        ("signal", 0.98, 9.0, True),
        ("signal", 1.0, 0.0, False),
        ("none", 1.0, 0.5, True),
        ("none", 0.9989, 1.0, False),
        ("none", 1.0011, -1.0, False),
        ("shuffled", 0.9996, 1.9, True),
        ("shuffled", 1.0, None, True),
        ("shuffled", 0.9994, 1.0, False),
        ("shuffled", 0.9999, 2.1, False),
    ],
)
def test_what_each_market_asks_for(
    market: str, rmae: float, dm_t: float | None, *, is_met: bool
) -> None:
    assert judge(market, "lstm", rmae, dm_t, 0.5).is_met is is_met


class Remembering(Seeded):
    """Keeps what it was fitted on."""

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Constants:
        self.seen = (rows, validation)
        return Constants((0.0,))


def windows(z: list[float]) -> Windows:
    count = len(z)
    return Windows(
        np.array(["BTCUSDT"] * count, dtype=object),
        np.arange(count),
        {"static": np.arange(count, dtype=np.float32)},
        np.ones(count),
        np.ones(count),
        np.array(z),
    )


def test_outcomes_are_dealt_anew_and_inputs_stay() -> None:
    rows, validation = windows([float(n) for n in range(100)]), windows([-1.0, -2.0, -3.0])
    inner = Remembering()
    dealer = Shuffled(inner)
    dealer.fit(rows, validation, 7)
    seen, checked = inner.seen
    assert dealer.name == "shuffled-seeded"
    assert sorted(seen.z) == list(rows.z)
    assert (seen.z != rows.z).mean() > 0.9
    assert sorted(checked.z) == sorted(validation.z)
    assert seen.inputs is rows.inputs
    first = seen.z
    dealer.fit(rows, validation, 7)
    np.testing.assert_array_equal(inner.seen[0].z, first)


def test_the_folder_is_one_that_evaluate_reads(tmp_path: Path) -> None:
    hours = read_hours(write_market(tmp_path, 1, START_MS, 200, signal=True))
    assert len(hours.symbols) == 10
    assert (hours.first_ms, hours.last_ms) == (START_MS, START_MS + 335 * 3_600_000)
    assert hours.panel["is_valid"].all()
