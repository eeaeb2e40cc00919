"""The overview as rows of a file. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from streamlit_app.records.market import CoinNow

_FORECAST = ("target_open_time", "issued_at", "q05", "q25", "q50", "q75", "q95", "refusal_reason")


def overview_table(coins: Sequence[CoinNow]) -> pd.DataFrame:
    """Return one row per coin: newest hour, last close, newest forecast."""
    return pd.DataFrame([_row(coin) for coin in coins])


def _row(coin: CoinNow) -> dict[str, Any]:
    newest, final, forecast = coin.newest, coin.last_final, coin.forecast
    return {
        "symbol": coin.info.symbol,
        "status": coin.info.status,
        "price": newest.close if newest else None,
        "price_at": newest.updated_at if newest else None,
        "hour": newest.open_time if newest else None,
        "last_close": final.close if final else None,
        "last_close_hour": final.open_time if final else None,
        "last_close_verdict": final.verdict if final else None,
        **{name: getattr(forecast, name) if forecast else None for name in _FORECAST},
    }
