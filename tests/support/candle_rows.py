"""Rows as the aggregation of the candles query gives them, made without Spark."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from conf.contracts.trades import TradeRecord
from streaming.candles.verdict import DIGIT, WITNESS_AMOUNTS, WITNESS_HALF
from tests.support.candle_records import HOUR, closing, trade

TRADES = [
    trade(10, "100.5", "0.1"),
    trade(11, "101.25", "2", is_taker_sale=True),
    trade(12, "99", "0.00000001"),
]
CODES = {"STREAM": 1, "REST": 2, "END": 3}


def digits(value: int, count: int) -> list[int]:
    """Return the lowest digits of base 10^9, lowest first."""
    found = []
    for _ in range(count):
        value, digit = divmod(value, DIGIT)
        found.append(digit)
    return found


def row(
    trades: list[TradeRecord], closes: list[TradeRecord] | None = None, **changes: Any
) -> dict[str, Any]:
    """Return what `aggregate_hours` gives for these trades and CLOSE records."""
    closes = [closing(trades)] if closes is None else closes
    trades = sorted(trades, key=lambda record: record.trade_id or 0)
    prices = [record.price or 0 for record in trades]
    fields: dict[str, Any] = {
        "symbol": "BTCUSDT",
        "open_time_ms": HOUR,
        "open": prices[0] if prices else None,
        "high": max(prices, default=None),
        "low": min(prices, default=None),
        "close": prices[-1] if prices else None,
        "trades": len(trades),
        "first_trade_id": trades[0].trade_id if trades else None,
        "last_trade_id": trades[-1].trade_id if trades else None,
        "gap_ids": None,
        "absent_ids": None,
        "time_falls": sum(record.time_fell for record in trades),
        "records": len(trades) + len(closes),
        "closes": len(closes),
    }
    for side, is_maker in (("taker_buy", False), ("taker_sell", True)):
        part = [record for record in trades if record.buyer_is_maker is is_maker]
        quantity = sum(record.quantity or 0 for record in part)
        notional = sum((record.price or 0) * (record.quantity or 0) for record in part)
        for name, value, count in (("quantity", quantity, 2), ("notional", notional, 3)):
            for position, digit in enumerate(digits(value, count)):
                fields[f"{side}_{name}_{position}"] = digit if part else None
    witnesses = [record.close for record in closes if record.close]
    real = [close for close in witnesses if close.witness != "END"]
    fields["w_witness"] = min((CODES[close.witness] for close in witnesses), default=None)
    fields["w_digest_low"] = fields["w_digest_high"] = 7 if real else None
    for name in ("first_trade_id", "last_trade_id", "trades", "open", "high", "low", "close"):
        fields[f"w_{name}"] = max((getattr(close, name) for close in real), default=None)
    for name, scale in WITNESS_AMOUNTS.items():
        texts = [getattr(close, name) for close in real]
        amounts = [int(Decimal(text).scaleb(scale)) for text in texts if text]
        halves = divmod(max(amounts), WITNESS_HALF) if amounts else (None, None)
        fields[f"w_{name}_1"], fields[f"w_{name}_0"] = halves
    begins = [close.begins_at_id for close in witnesses if close.begins_at_id is not None]
    fields["begins_at_id"] = max(begins, default=None)
    return fields | changes
