"""Scores of forecasts, and what of them guard and calibration may learn."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import pytest

from conf.names import HOUR_MS
from streaming.forecasts.truths import Truth, in_order, lesson, score

pytestmark = pytest.mark.unit

AS_OF = 490_000 * HOUR_MS
TRUTH = Truth(
    symbol="BTCUSDT",
    target_open_time_ms=AS_OF + HOUR_MS,
    as_of_open_time_ms=AS_OF,
    model_version="v1",
    kind="live",
    last_close=Decimal("100"),
    bands=tuple(Decimal(price) for price in ("98", "99.5", "100.2", "100.8", "102")),
    is_fallback=False,
    is_guarded=False,
    sigma=0.01,
    raw_z=(-2.0, -0.5, 0.2, 0.8, 2.0),
    base_z=(-1.6, -0.5, 0.0, 0.5, 1.6),
    actual_close=Decimal("101"),
    verdict="complete",
    candle_revision=1,
    is_first=True,
)


def test_errors_are_exact_and_beside_those_of_the_last_close() -> None:
    found = score(TRUTH)
    assert found.abs_error == Decimal("0.8")
    assert found.naive_abs_error == Decimal("1")
    assert found.in_band_90
    assert not found.in_band_50
    assert found.z == pytest.approx(math.log(1.01) / 0.01)


def test_pinball_loss_by_hand() -> None:
    found = score(TRUTH)
    z = math.log(1.01) / 0.01

    def loss(quantiles: list[float]) -> float:
        levels = (0.05, 0.25, 0.5, 0.75, 0.95)
        pairs = zip(levels, quantiles, strict=True)
        return sum(max(p * (z - q), (p - 1) * (z - q)) for p, q in pairs) / 5

    published = [math.log(float(price) / 100) / 0.01 for price in TRUTH.bands]
    assert found.pinball == pytest.approx(loss(published))
    assert found.naive_pinball == pytest.approx(loss(list(TRUTH.base_z or ())))


@pytest.mark.parametrize(
    ("low", "high", "inside"),
    [("101", "102", True), ("98", "101", True), ("101.01", "102", False), ("98", "100.99", False)],
)
def test_the_borders_belong_to_the_band(low: str, high: str, inside: bool) -> None:
    bands = (Decimal(low), *TRUTH.bands[1:4], Decimal(high))
    assert score(replace(TRUTH, bands=bands)).in_band_90 == inside


def test_a_lesson_is_the_raw_forecast_and_what_came() -> None:
    learned = lesson(TRUTH, score(TRUTH))
    assert learned is not None
    assert (learned.as_of_open_time_ms, learned.raw_z) == (AS_OF, TRUTH.raw_z)
    assert learned.z == score(TRUTH).z


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "disputed"},
        {"verdict": "partial"},
        {"is_fallback": True},
        {"is_first": False},
        {"raw_z": None},
        {"sigma": None},
    ],
    ids=str,
)
def test_nothing_is_learned_of(change: dict[str, object]) -> None:
    truth = replace(TRUTH, **change)
    assert lesson(truth, score(truth)) is None


def test_a_doubted_close_has_errors_but_no_losses() -> None:
    found = score(replace(TRUTH, verdict="disputed"))
    assert found.abs_error == Decimal("0.8")
    assert found.z is found.pinball is found.naive_pinball is None


def test_learned_in_the_order_of_hours() -> None:
    late = replace(TRUTH, symbol="ADAUSDT", target_open_time_ms=AS_OF)
    other = replace(TRUTH, symbol="ADAUSDT")
    assert in_order([TRUTH, other, late]) == [late, other, TRUTH]
