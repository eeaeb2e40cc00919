"""Makers of the dashboard's records, for tests that need no database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from conf.exchange_time import Sighting
from streamlit_app.records.forecasts import ModelRow, ScoreRow
from streamlit_app.records.market import BarRow, CandleRow, ForecastRow
from streamlit_app.records.run import RunInfo, RunState, SymbolInfo

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


def bar(after: int = 0, /, **changes: Any) -> BarRow:
    """Return the bar of the hour so many hours after noon, complete unless something else is said."""
    fields: dict[str, Any] = {
        "open_time": NOON + after * HOUR,
        "open": Decimal("100.00"),
        "high": Decimal("104.00"),
        "low": Decimal("99.00"),
        "close": Decimal("102.00"),
        "volume": Decimal("12.5"),
        "quote_volume": Decimal(1275),
        "trades": 7,
        "hours": 1,
        "expected": 1,
        "is_running": False,
        **dict.fromkeys(("quiet", "partial", "disputed", "revised", "history"), 0),
        "revision": 1,
        "reason": None,
    }
    return BarRow(**{**fields, **changes})


def run_state(**changes: Any) -> RunState:
    """Return a run that told the exchange's time a second ago and wrote its last row 4 s ago."""
    fields: dict[str, Any] = {
        "info": RunInfo("demo", "stand-in", "synthetic × 180", 180.0, NOON),
        "wall_now": NOON,
        "newest_open_time": NOON,
        "newest_update": NOON - timedelta(seconds=4),
        "sightings": (Sighting(NOON, NOON - timedelta(seconds=1)),),
    }
    return RunState(**{**fields, **changes})


def score(symbol: str | None = None, **changes: Any) -> ScoreRow:
    """Return a score over 200 hours that is 2 % better than the last close, t = 3."""
    fields: dict[str, Any] = {
        "symbol": symbol,
        "forecasts": 1800,
        "hours": 200,
        **dict.fromkeys(("refusals", "fallbacks", "unjudged"), 0),
        "error": 0.0049,
        "naive_error": 0.005,
        "gain": 0.0001,
        "gain_se": 0.0001 / 3,
        "direction": 0.521,
        "direction_se": 0.013,
        "coverage_90": 0.912,
        "coverage_90_se": 0.01,
        "coverage_50": 0.488,
        "coverage_50_se": 0.02,
        "pinball": 0.19,
        "naive_pinball": 0.2,
    }
    return ScoreRow(**{**fields, **changes})


def model(**changes: Any) -> ModelRow:
    """Return a first model that has served four hours."""
    fields: dict[str, Any] = {
        "version": "v1",
        "status": "bootstrap",
        "created_at": NOON,
        "trained_from": NOON - 2400 * HOUR,
        "trained_until": NOON,
        "train_rows": 18_000,
        "val_pinball": 0.19,
        "ewma_pinball": 0.20,
        "val_rmae": 0.995,
        "fit_seconds": 41.2,
        "expires_at": NOON + timedelta(days=60),
        "hours_served": 4,
        "last_served": NOON,
        "shadow_hours": 0,
        "last_shadow": None,
    }
    return ModelRow(**{**fields, **changes})
