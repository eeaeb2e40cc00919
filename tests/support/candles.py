"""A final candle of a small hour, of which a test says what it is about."""

from __future__ import annotations

from decimal import Decimal

from conf.contracts.candles import Candle
from tests.support.candle_records import HOUR


def a_candle(**changes: object) -> Candle:
    """Return a complete hour of four trades, ids 7 to 10, with some fields changed."""
    fields: dict[str, object] = {
        "symbol": "BTCUSDT",
        "open_time_ms": HOUR,
        "revision": 1,
        "open": Decimal(10),
        "high": Decimal("12.00"),
        "low": Decimal("9.5"),
        "close": Decimal(11),
        "volume": Decimal(3),
        "quote_volume": Decimal("33.10"),
        "taker_buy_volume": Decimal(1),
        "taker_buy_quote_volume": Decimal(11),
        "trades": 4,
        "first_trade_id": 7,
        "last_trade_id": 10,
        "verdict": "complete",
        "reason": None,
        "witness": "STREAM",
    }
    return Candle(**fields | changes)  # type: ignore[arg-type] # fields by name
