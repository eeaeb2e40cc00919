"""Two figures that are known from the record: the last close in the seed paper's window, and the reversal rule in 2024."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.evaluation import scores
from model.evaluation.outcomes import QUANTILE_COLUMNS, pair
from tests.support.evaluated import NORMAL, model_rows

pytestmark = [pytest.mark.unit, pytest.mark.realdata]

HOURLY = Path(__file__).parents[5] / "shared" / "data" / "hourly"
VOLATILE = ("ADA", "BNB", "BTC", "DOGE", "DOT", "ETH", "MATIC", "SOL", "XRP")
HOUR = pd.Timedelta("1h")


def forecast(coin: str, start: str, stop: str) -> pd.DataFrame:
    """Return rows of `naive` and of the reversal rule: -0.05 × three hours in sigmas, clipped."""
    symbol = f"{coin}USDT"
    closes = pd.read_parquet(HOURLY / f"{symbol}-1h.parquet").set_index("open_time")["close"]
    closes = closes.resample(HOUR).last()
    returns = np.log(closes).diff()
    sigma = np.sqrt((returns**2).ewm(halflife=24, ignore_na=True).mean())
    momentum = (returns.rolling(3).sum() / sigma / np.sqrt(3)).clip(-3, 3)
    rows = pd.DataFrame({"last_close": closes, "actual_close": closes.shift(-1)})
    rows = rows.assign(sigma=sigma, momentum=momentum, symbol=symbol, model="naive")
    rows = rows[start:stop].dropna().reset_index()
    for name, quantile in zip(QUANTILE_COLUMNS, NORMAL, strict=True):
        rows[name] = rows["last_close"] * (1 + rows["sigma"] * quantile)
    rows = rows.assign(target_open_time=rows["open_time"] + HOUR, is_refused=False, reason=None)
    shift = -0.05 * (rows["sigma"] * rows["momentum"]).to_numpy()
    return pd.concat([rows, model_rows(rows, "rule", shift)])


def test_the_last_close_in_the_papers_window() -> None:
    forecasts = pair(forecast("ETH", "2021-10-18 16:00", "2022-10-31 18:00"))
    naive = scores.score(forecasts["naive"])["by_coin"]["ETHUSDT"]
    assert naive["rows"] == pytest.approx(9075, abs=10)
    assert naive["mae"] == pytest.approx(14.68, abs=0.005)
    assert naive["rmse"] == pytest.approx(22.51, abs=0.005)
    assert naive["mape"] == pytest.approx(0.604, abs=0.0005)


def test_the_reversal_rule_in_2024() -> None:
    frame = pd.concat([forecast(coin, "2024-01-01", "2024-12-31 22:00") for coin in VOLATILE])
    forecasts = pair(frame)
    naive, rule = (scores.score(forecasts[model]) for model in ("naive", "rule"))
    assert naive["mape"] == pytest.approx(0.5656, abs=0.0001)
    assert rule["rmae"] == pytest.approx(0.9968, abs=0.0002)
    assert rule["da"] == pytest.approx(0.529, abs=0.001)
    assert rule["da_by_confidence"][-1]["da"] == pytest.approx(0.558, abs=0.002)
    assert rule["dm_t"] == pytest.approx(7.1, abs=0.2)
    assert rule["mape"] == pytest.approx(0.5638, abs=0.0001)
    assert rule["is_better"]
    assert rule["coins_won"] == 9
