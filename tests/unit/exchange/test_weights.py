"""Request weights: the limit, 429, then 418."""

from __future__ import annotations

import pytest

from exchange.weights import WeightMeter

pytestmark = pytest.mark.unit


def test_weights_add_up_per_address_and_minute() -> None:
    meter = WeightMeter(limit=100)

    assert [meter.charge("a", 40, 0.0), meter.charge("b", 1, 1.0), meter.charge("a", 2, 59.0)] == [
        40,
        1,
        42,
    ]
    assert meter.charge("a", 5, 60.0) == 5


def test_beyond_the_limit_comes_429_until_the_minute_ends() -> None:
    meter = WeightMeter(limit=100)
    meter.charge("a", 100, 10.0)
    assert meter.refusal("a", 10.0) is None

    meter.charge("a", 1, 10.0)

    assert meter.refusal("a", 10.0) == (429, 50)
    assert meter.refusal("b", 10.0) is None


def test_who_ignores_429_is_banned() -> None:
    meter = WeightMeter(limit=1)
    for second in range(30):
        meter.charge("a", 2, float(second))
        refusal = meter.refusal("a", float(second))

    assert refusal is not None
    assert refusal[0] == 418
    meter.charge("a", 1, 61.0)
    banned = meter.refusal("a", 61.0)
    assert banned is not None
    assert banned[0] == 418
