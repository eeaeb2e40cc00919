from __future__ import annotations

import numpy as np
import pytest

from conf.contracts.forecasts import QUANTILES
from model.stable import DEFAULT_TICK, StableRule, fit_stable, is_depegged

pytestmark = pytest.mark.unit

FALLBACK = (-1.5, -0.5, 0.0, 0.5, 1.5)


def test_rule_learns_tick_and_quantiles() -> None:
    closes = np.array([1.0, 1.0001, 1.0, 0.9998, 1.0])
    z = np.array([-2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0])
    rule = fit_stable(z, closes, QUANTILES, FALLBACK)
    assert rule.tick == pytest.approx(1e-4)
    assert rule.quantiles == pytest.approx(np.quantile(z, QUANTILES))
    assert StableRule.from_dict(rule.to_dict()) == rule


def test_median_is_the_last_close_and_the_band_at_least_a_tick() -> None:
    rule = StableRule(QUANTILES, (0.0, 0.0, 0.0, 0.0, 0.0), 1e-4)
    prices = rule.prices(1.0002, 1e-5)
    assert prices[0.5] == 1.0002
    assert prices[0.05] == pytest.approx(1.0001)
    assert prices[0.95] == pytest.approx(1.0003)
    assert list(prices.values()) == sorted(prices.values())


def test_a_coin_off_its_peg_gets_wider_bands() -> None:
    rule = StableRule(QUANTILES, FALLBACK, 1e-4)
    on, off = rule.prices(1.0, 0.01), rule.prices(0.95, 0.01)
    assert (off[0.95] - off[0.05]) / 0.95 > 1.9 * (on[0.95] - on[0.05])


def test_the_depeg_flag_is_up_beyond_half_a_cent() -> None:
    closes = np.array([0.994, 0.9951, 1.0, 1.0049, 1.006])
    assert is_depegged(closes).tolist() == [True, False, False, False, True]


def test_a_coin_without_training_hours_uses_the_fallback() -> None:
    rule = fit_stable(np.zeros(0), np.zeros(0), QUANTILES, FALLBACK)
    assert rule.quantiles == FALLBACK
    assert rule.tick == DEFAULT_TICK
