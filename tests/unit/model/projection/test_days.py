"""Hours become whole days: which closes count, what a halt does, what is not known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from conf.names import DAY_MS, HOUR_MS
from model.projection.days import MIN_VOLATILITY, make_days

pytestmark = pytest.mark.unit

DAY = 19_000


def hours(closes: dict[int, float], symbol: str = "BTCUSDT") -> pd.DataFrame:
    """Return a panel from hours since the first day's midnight."""
    return pd.DataFrame(
        {
            "symbol": symbol,
            "open_time_ms": [DAY * DAY_MS + hour * HOUR_MS for hour in closes],
            "close": list(closes.values()),
            "is_valid": True,
        }
    )


def steps(count: int, ratio: float = 1.01) -> dict[int, float]:
    """Return closes that go up and down by turns, by the same ratio."""
    return {hour: 100.0 * ratio ** (hour % 2) for hour in range(count)}


def test_a_day_has_the_close_of_its_last_hour_and_its_realised_volatility() -> None:
    days = make_days(hours(steps(48)), ["BTCUSDT"])
    assert (days.first, len(days), days.next_origin) == (DAY, 2, DAY + 2)
    assert days.close[:, 0].tolist() == [101.0, 101.0]
    assert days.move[1, 0] == 0
    # the first day has no return over its first hour: 23 of 24 are known
    whole = math.log(math.sqrt(24) * math.log(1.01))
    assert days.log_volatility[:, 0] == pytest.approx([whole, whole])


def test_a_day_that_is_not_over_is_not_there() -> None:
    assert len(make_days(hours(steps(47)), ["BTCUSDT"])) == 1
    with pytest.raises(ValueError, match="no whole UTC day"):
        make_days(hours(steps(23)), ["BTCUSDT"])
    with pytest.raises(ValueError, match="no whole UTC day"):
        make_days(hours({}), ["BTCUSDT"])


def test_the_hour_that_ends_the_day_may_be_anothers() -> None:
    closes = steps(48)
    late = pd.concat([hours(steps(47)), hours(closes, "ETHUSDT")])
    days = make_days(late, ["BTCUSDT", "ETHUSDT"])
    assert days.symbols == ("BTCUSDT", "ETHUSDT")
    assert days.close[1].tolist() == [closes[46], closes[47]]


def test_a_halt_before_midnight_is_bridged_a_longer_one_is_not() -> None:
    closes = steps(72)
    short = {hour: close for hour, close in closes.items() if not 21 <= hour < 24}
    assert make_days(hours(short), ["BTCUSDT"]).close[0, 0] == closes[20]
    long = {hour: close for hour, close in closes.items() if not 20 <= hour < 24}
    days = make_days(hours(long), ["BTCUSDT"])
    assert math.isnan(days.close[0, 0])
    assert np.isnan(days.move[:2, 0]).all()
    assert np.isfinite(days.move[2, 0])


def test_the_return_over_a_halt_counts_for_its_hours() -> None:
    closes = {hour: close for hour, close in steps(48).items() if not 30 <= hour < 33}
    days = make_days(hours(closes), ["BTCUSDT"])
    # 29 → 33 is one return of no size over four hours, so that 20 moves stand for 24 hours
    assert days.log_volatility[1, 0] == pytest.approx(math.log(math.sqrt(20) * math.log(1.01)))


def test_too_few_hours_tell_no_volatility() -> None:
    few = {**{hour: 100.0 for hour in range(24)}, **{hour: 100.0 for hour in range(58, 72)}}
    few.update({hour: 100.0 + hour for hour in range(60, 72)})
    days = make_days(hours({h: c for h, c in few.items() if h < 24 or h >= 61}), ["BTCUSDT"])
    assert np.isnan(days.log_volatility[1:, 0]).all()


def test_a_price_that_stands_still_has_the_smallest_volatility() -> None:
    days = make_days(hours(dict.fromkeys(range(24), 1.0)), ["BTCUSDT"])
    assert days.log_volatility[0, 0] == pytest.approx(math.log(MIN_VOLATILITY))


def test_bad_hours_and_absent_coins() -> None:
    panel = hours(steps(48))
    bad = panel["open_time_ms"] == DAY * DAY_MS + 23 * HOUR_MS
    panel.loc[bad, "is_valid"] = False
    days = make_days(panel.sample(frac=1, random_state=1), ["BTCUSDT", "POLUSDT"])
    assert days.close[0, 0] == 100.0
    assert np.isnan(days.close[:, 1]).all()
    assert np.isnan(days.log_volatility[:, 1]).all()
