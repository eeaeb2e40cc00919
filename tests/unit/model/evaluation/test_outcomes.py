from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model.evaluation.outcomes import only, pair, select
from tests.support.evaluated import COINS, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit


def test_models_are_aligned_whatever_the_order_of_rows() -> None:
    naive = naive_rows(20)
    lstm = model_rows(naive, "lstm", shift=0.01 * np.arange(60))
    frame = pd.concat([lstm, naive]).sample(frac=1.0, random_state=1)
    forecasts = pair(frame)
    assert list(forecasts) == ["naive", "lstm"]
    np.testing.assert_allclose(forecasts["lstm"].predicted_returns, 0.01 * np.arange(60))
    outcomes = forecasts["lstm"].outcomes
    assert outcomes is forecasts["naive"].outcomes
    np.testing.assert_allclose(outcomes.returns, true_returns(naive))
    assert [outcomes.coins[code] for code in outcomes.coin] == list(naive["symbol"])


def test_the_rows_of_some_coins_only() -> None:
    naive = naive_rows(5)
    one = only(pair(naive)["naive"], ["ETHUSDT", "ADAUSDT"])
    assert one.outcomes.coins == ("ADAUSDT", "ETHUSDT")
    assert one.outcomes.coin.tolist() == [0] * 5 + [1] * 5
    kept = naive[naive["symbol"] != "BTCUSDT"]
    assert one.median.tolist() == kept["q50"].tolist()
    assert one.outcomes.actual.tolist() == kept["actual_close"].tolist()
    shared = select(pair(naive)["naive"].outcomes, ["BTCUSDT"])
    assert only(pair(naive)["naive"], ["BTCUSDT"], shared).outcomes is shared


def test_the_scale_is_the_width_of_the_baselines_band() -> None:
    naive = naive_rows(3, coins=("BTCUSDT",))
    naive.loc[1, ["q05", "q25", "q75", "q95"]] = naive.loc[1, "last_close"]
    scale = pair(naive)["naive"].outcomes.scale
    np.testing.assert_allclose(scale, [2 * 1.6449 * 0.004, np.nan, 2 * 1.6449 * 0.004])


def without_a_row(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.iloc[:-1]


def twice_the_same(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.iloc[[-1]]])


def other_hours(frame: pd.DataFrame) -> pd.DataFrame:
    later = frame["open_time"].where(
        frame["model"] == "naive", frame["open_time"] + pd.Timedelta("1h")
    )
    return frame.assign(open_time=later)


def other_truth(frame: pd.DataFrame) -> pd.DataFrame:
    actual = frame["actual_close"].where(frame["model"] == "naive", 1.0)
    return frame.assign(actual_close=actual)


def without_naive(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["model"] != "naive"]


def without_a_number(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(q95=frame["q95"].where(frame["model"] == "naive"))


def without_a_zone(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(open_time=frame["open_time"].dt.tz_localize(None))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (without_a_row, "differ in coins, hours or closes"),
        (other_hours, "differ in coins, hours or closes"),
        (other_truth, "differ in coins, hours or closes"),
        (twice_the_same, "two rows"),
        (without_naive, "no rows of the model 'naive'"),
        (without_a_number, "'lstm' has rows without a number"),
        (without_a_zone, "no time zone"),
    ],
)
def test_what_cannot_be_compared_is_refused(spoil, told) -> None:
    naive = naive_rows(4, coins=COINS[:2])
    frame = pd.concat([naive, model_rows(naive, "lstm", 0.001)], ignore_index=True)
    with pytest.raises(ValueError, match=told):
        pair(spoil(frame))


def test_names_may_be_categories() -> None:
    naive = naive_rows(3)
    frame = pd.concat([naive, model_rows(naive, "lstm")], ignore_index=True)
    named = frame.astype({"model": "category", "symbol": "category"})
    named["model"] = named["model"].cat.add_categories("never")
    assert list(pair(named)) == ["naive", "lstm"]
