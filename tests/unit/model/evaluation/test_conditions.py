from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.evaluation import conditions
from model.evaluation import point_scores as points
from model.evaluation.outcomes import QUANTILE_COLUMNS, Forecasts, pair
from tests.support.evaluated import COINS, START, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit

PRICES = ["last_close", "actual_close", *QUANTILE_COLUMNS]


def forecasts(frame: pd.DataFrame, model: str = "good") -> Forecasts:
    return pair(frame)[model]


def with_model(naive: pd.DataFrame, shift: object) -> pd.DataFrame:
    return pd.concat([naive, model_rows(naive, "good", shift)], ignore_index=True)  # type: ignore[arg-type]


@given(st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_classes_of_a_condition_add_up_to_the_whole(seed: int) -> None:
    naive = naive_rows(24 * 40, seed=seed)
    rng = np.random.default_rng(seed)
    one = forecasts(with_model(naive, 0.1 * true_returns(naive) + rng.normal(0, 2e-3, len(naive))))
    found = conditions.by_condition(one)
    assert list(found) == list(conditions.CONDITIONS)
    own, naive_errors = points.absolute_errors(one)
    weight = naive_errors / one.outcomes.last_close
    for name, classes in found.items():
        _, code = conditions.CONDITIONS[name](one.outcomes)
        known = code != conditions.UNKNOWN
        assert sum(figures["rows"] for figures in classes.values()) == known.sum()
        hits = sum(figures["rows"] * figures["da"] for figures in classes.values())
        product = np.sign(one.predicted_returns) * np.sign(one.outcomes.returns)
        assert hits == pytest.approx(((product + 1) / 2)[known].sum())
        weights = [weight[code == number].sum() for number in np.unique(code[known])]
        ratios = [figures["rmae_pooled"] for figures in classes.values()]
        whole = (own / one.outcomes.last_close)[known].sum() / weight[known].sum()
        assert np.average(ratios, weights=weights) == pytest.approx(whole)


def test_an_edge_in_wild_hours_is_found_there() -> None:
    naive = naive_rows(24 * 60)
    rows = forecasts(with_model(naive, 0.0)).outcomes
    # the bands of every second hour three times as wide: those are the wild ones
    wild = np.arange(len(naive)) % 2 == 0
    width = np.where(wild, 3.0, 1.0)[:, None]
    last = naive[["last_close"]].to_numpy()
    naive[list(QUANTILE_COLUMNS)] = last + (naive[list(QUANTILE_COLUMNS)].to_numpy() - last) * width
    found = conditions.by_condition(
        forecasts(with_model(naive, np.where(wild, 0.3 * true_returns(naive), 0.0)))
    )["volatility"]
    assert list(found) == list(conditions.QUINTILE_NAMES)
    assert found["highest fifth"]["rmae_pooled"] == pytest.approx(0.7)
    assert found["highest fifth"]["dm_t"] > 10
    assert found["lowest fifth"]["rmae_pooled"] == 1.0
    assert len(rows) == sum(figures["rows"] for figures in found.values())


def test_volatility_is_ranked_within_a_coin() -> None:
    naive = naive_rows(1_000)
    rng = np.random.default_rng(3)
    last = naive[["last_close"]].to_numpy()
    spread = rng.uniform(0.5, 2.0, (len(naive), 1))
    naive[list(QUANTILE_COLUMNS)] = (
        last + (naive[list(QUANTILE_COLUMNS)].to_numpy() - last) * spread
    )
    outcomes = forecasts(naive, "naive").outcomes
    _, code = conditions.volatility(outcomes)
    for coin in range(len(COINS)):
        assert np.bincount(code[outcomes.coin == coin]).tolist() == [200] * 5


def test_the_last_move_needs_the_hour_before_of_the_same_coin() -> None:
    naive = naive_rows(50, ("BTCUSDT", "ETHUSDT"))
    gap = naive[naive["open_time"] != START + pd.Timedelta(hours=20)]
    outcomes = forecasts(gap, "naive").outcomes
    _, code = conditions.last_move(outcomes)
    hour = (outcomes.open_ms - int(START.timestamp() * 1000)) // 3_600_000
    assert set(hour[code == conditions.UNKNOWN]) == {0, 21}
    assert (code == conditions.UNKNOWN).sum() == 4
    known = code != conditions.UNKNOWN
    move = np.abs(np.diff(np.log(outcomes.last_close), prepend=np.nan)) / outcomes.scale
    order = np.argsort(move[known])
    assert code[known][order[0]] == 0
    assert code[known][order[-1]] == conditions.QUINTILES - 1


def test_the_tick_is_that_of_the_month() -> None:
    naive = naive_rows(24 * 62, ("ADAUSDT",))
    july = naive["open_time"].dt.month == 7
    closes = np.where(july, naive["last_close"].round(4), naive["last_close"].round(2))
    scale = closes / naive["last_close"]
    for column in PRICES:
        naive[column] = naive[column] * scale
    naive["last_close"] = closes
    outcomes = forecasts(naive, "naive").outcomes
    names, code = conditions.tick(outcomes)
    # one step of 1e-4 is a fortieth of the coin's hourly 0.8 % of 0.5, one of 1e-2 is 2.5 of them
    assert {names[number] for number in code[july]} <= {"0.01 to 0.03", "0.03 and more"}
    assert {names[number] for number in code[~july]} == {"0.03 and more"}
    assert "0.01 to 0.03" in {names[number] for number in code[july]}


def test_years_and_sessions_are_those_of_utc() -> None:
    naive = naive_rows(24 * 200, ("BTCUSDT",))
    outcomes = forecasts(naive, "naive").outcomes
    names, code = conditions.year(outcomes)
    assert names == ("2024", "2025")
    assert (code == 0).sum() == 24 * 184
    names, code = conditions.session(outcomes)
    assert names == ("00 to 06 UTC", "06 to 12 UTC", "12 to 18 UTC", "18 to 24 UTC")
    # the row of 05:00 forecasts the hour of 06:00
    assert [code[hour] for hour in (0, 4, 5, 22, 23)] == [0, 0, 1, 3, 0]


def test_a_band_without_width_is_in_no_class() -> None:
    naive = naive_rows(300, ("BTCUSDT",))
    for column in QUANTILE_COLUMNS:
        naive.loc[:9, column] = naive.loc[:9, "last_close"]
    outcomes = forecasts(naive, "naive").outcomes
    for condition in (conditions.volatility, conditions.last_move, conditions.tick):
        _, code = condition(outcomes)
        assert (code[:10] == conditions.UNKNOWN).all()
        assert (code[11:] != conditions.UNKNOWN).all()
