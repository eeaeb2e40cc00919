"""The paper's model on days: what it is shown, and that it is fed with what it said itself."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from conf.names import DAY_MS
from model.evaluation.projection import paper
from model.evaluation.projection.walk import plan_origins, walk, with_paper
from model.forecasters.paper import MIN_SHARE
from model.projection.fan import Projector
from model.projection.settings import ProjectionSettings
from tests.support.projection_world import FIRST_DAY, YOUNG, world

pytestmark = pytest.mark.unit


class Halved:
    """A network that says half of the oldest close that it is shown."""

    def following(self, closes: np.ndarray) -> np.ndarray:
        return closes[:, 0] / 2


def test_what_it_says_is_what_it_sees_next() -> None:
    fitted = paper.Daily(("AAAUSDT",), np.array([[0.0, 10.0]]), Halved())
    closes = np.linspace(1, 24, paper.LOOK_BACK)[None]
    path = fitted.paths(["AAAUSDT"], closes, 30)[0]
    assert path[:24] == pytest.approx(closes[0] / 2)
    assert path[24:] == pytest.approx(closes[0, :6] / 4)


def test_each_coin_has_its_own_range_and_no_price_is_below_nothing() -> None:
    fitted = paper.Daily(("AAAUSDT", "BTCUSDT"), np.array([[0.0, 1.0], [50.0, 100.0]]), Halved())
    closes = np.full((2, paper.LOOK_BACK), 10.0)
    path = fitted.paths(["BTCUSDT", "AAAUSDT"], closes, 1)
    assert path[:, 0].tolist() == pytest.approx([50 + 100 * -0.4 / 2, 5.0])
    far = replace(fitted, ranges=np.array([[0.0, 1.0], [-500.0, 1.0]]))
    assert far.paths(["BTCUSDT"], closes[:1], 2)[0, 1] == pytest.approx(MIN_SHARE * 10)


def test_each_years_fit_sees_the_days_before_it_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """With weights that tell what was trained on; a coin that was not there in training has nothing."""
    monkeypatch.setattr(paper, "train", _weights_of)
    days = world(days=800, young_days=30)
    settings = ProjectionSettings(horizon_days=5, paths=10)
    origins = plan_origins(days, (FIRST_DAY + 400) * DAY_MS, (FIRST_DAY + 800) * DAY_MS)
    said = []
    for known in (days, replace(days, close=_later_changed(days.close, 400))):
        projected = walk(Projector(known, settings), origins, 7)
        said.append(with_paper(projected, known, 7))
    assert said[0].fits == 2
    is_said = np.isfinite(said[0].paper).all(axis=2)
    young, stable = (said[0].symbols.index(name) for name in (YOUNG, "USDCUSDT"))
    assert not is_said[:, [young, stable]].any()
    assert is_said[:, :3].all()
    first, second = (one.paper[:, :3] for one in said)
    assert (first[0] == second[0]).all()
    assert (first[1:] != second[1:]).all()


def test_too_few_days_are_no_fit() -> None:
    days = world(days=60, young_days=10)
    assert paper.fit_daily(days, np.array([0]), days.first + 60, 7) is None


def _later_changed(close: np.ndarray, day: int) -> np.ndarray:
    changed = close.copy()
    changed[day:] *= 1.5
    return changed


def _weights_of(closes: np.ndarray, target: np.ndarray, seed: int, epochs: int) -> tuple:
    """Return weights in the shapes of the network that differ for any difference of what is shown."""
    shown = hashlib.sha256(closes.tobytes() + target.tobytes()).digest()
    rng = np.random.default_rng([seed, epochs, *shown])
    return tuple(0.1 * rng.standard_normal(s) for s in ((1, 256), (64, 256), 256, (64, 1), 1))
