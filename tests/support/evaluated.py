"""Made-up predictions in the layout of `predictions.parquet`: random walks and forecasts of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from model.evaluation.outcomes import QUANTILE_COLUMNS

Floats = npt.NDArray[np.float64]

START = datetime(2024, 7, 1, tzinfo=UTC)
COINS = ("ADAUSDT", "BTCUSDT", "ETHUSDT")
STABLE = "USDCUSDT"
SIGMA = {"ADAUSDT": 0.008, "BTCUSDT": 0.004, "ETHUSDT": 0.006, STABLE: 0.0}
PRICE = {"ADAUSDT": 0.5, "BTCUSDT": 60_000.0, "ETHUSDT": 3_000.0, STABLE: 1.0}
NORMAL = np.array([-1.6449, -0.6745, 0.0, 0.6745, 1.6449])
TICK = 1e-4


def naive_rows(hours: int, coins: Sequence[str] = COINS, seed: int = 0) -> pd.DataFrame:
    """Return rows of `naive`: coins × hours, normal returns, bands that are the truth."""
    rng = np.random.default_rng(seed)
    parts = [_coin_rows(coin, hours, rng) for coin in coins]
    return pd.concat(parts, ignore_index=True)


def model_rows(
    naive: pd.DataFrame, model: str, shift: Floats | float = 0.0, width: float = 1.0
) -> pd.DataFrame:
    """Return rows of a model.

    Args:
        naive: rows of the baseline.
        model: name.
        shift: (rows,) of the whole distribution, as a return.
        width: of the bands, as a multiple of the baseline's.
    """
    rows = naive.copy()
    rows["model"] = model
    last = rows["last_close"].to_numpy()
    for column in QUANTILE_COLUMNS:
        rows[column] = last + width * (naive[column].to_numpy() - last) + shift * last
    return rows


def true_returns(naive: pd.DataFrame) -> Floats:
    """Return (rows,) simple returns that came."""
    returns: Floats = (naive["actual_close"] / naive["last_close"] - 1.0).to_numpy()
    return returns


def _coin_rows(coin: str, hours: int, rng: np.random.Generator) -> pd.DataFrame:
    if coin == STABLE:
        close = PRICE[coin] + TICK * rng.integers(-1, 2, hours + 1)
        bands = TICK * NORMAL
    else:
        close = PRICE[coin] * np.cumprod(1.0 + SIGMA[coin] * rng.standard_normal(hours + 1))
        bands = SIGMA[coin] * NORMAL
    opened = pd.date_range(START, periods=hours, freq="h")
    columns = {
        "symbol": coin,
        "open_time": opened,
        "target_open_time": opened + pd.Timedelta(hours=1),
        "model": "naive",
        "last_close": close[:-1],
        **{
            name: close[:-1] * (1.0 + band)
            for name, band in zip(QUANTILE_COLUMNS, bands, strict=True)
        },
        "actual_close": close[1:],
        "is_refused": False,
        "reason": None,
    }
    return pd.DataFrame(columns)
