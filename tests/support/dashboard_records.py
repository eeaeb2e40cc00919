"""Makers of the dashboard's records, for tests that need no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from streamlit_app.records import CandleRow, ForecastRow, SymbolInfo

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ETH = SymbolInfo("ETHUSDT", "ETH", "TRADING", Decimal("0.01"))


def candle(hours: int = 0, **changes: Any) -> CandleRow:
    """Return the final candle of the hour so many hours after noon."""
    fields: dict[str, Any] = {
        "symbol": "ETHUSDT",
        "open_time": NOON + hours * HOUR,
        "revision": 1,
        "open": Decimal("100.00"),
        "high": Decimal("104.00"),
        "low": Decimal("99.00"),
        "close": Decimal("102.00"),
        "volume": Decimal("12.5"),
        "trades": 7,
        "status": "final",
        "verdict": "complete",
        "reason": None,
        "source": "trades",
        "updated_at": NOON + (hours + 1) * HOUR,
    }
    return CandleRow(**{**fields, **changes})


def running(hours: int = 0, **changes: Any) -> CandleRow:
    """Return a provisional candle."""
    return candle(hours, status="provisional", verdict=None, **changes)


def forecast(hours: int = 0, **changes: Any) -> ForecastRow:
    """Return the forecast of the close of the hour so many hours after noon."""
    fields: dict[str, Any] = {
        "symbol": "ETHUSDT",
        "target_open_time": NOON + hours * HOUR,
        "model_version": "v1",
        "issued_at": NOON + hours * HOUR,
        "last_close": Decimal("100.00"),
        "q05": Decimal("98.00"),
        "q25": Decimal("99.50"),
        "q50": Decimal("100.05"),
        "q75": Decimal("101.00"),
        "q95": Decimal("103.00"),
        "is_fallback": False,
        "refusal_reason": None,
        "written_at": NOON + hours * HOUR,
    }
    return ForecastRow(**{**fields, **changes})


def refusal(hours: int = 0, reason: str = "hour is not final") -> ForecastRow:
    """Return a refusal."""
    nothing = dict.fromkeys(("q05", "q25", "q50", "q75", "q95"))
    return forecast(hours, refusal_reason=reason, **nothing)
