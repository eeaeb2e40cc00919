"""Records of small made-up hours for tests of the candles query."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from conf.contracts.trade_schemas import TRADE_SCHEMA_VERSION
from conf.contracts.trades import Close, Gap, TradeRecord, scaled
from conf.names import HOUR_MS, hour_open_ms

HOUR = 1_767_225_600_000  # 2026-01-01T00:00Z
SCHEMA_ID = TRADE_SCHEMA_VERSION


def trade(
    trade_id: int,
    price: str,
    quantity: str = "1",
    *,
    at_ms: int = HOUR,
    symbol: str = "BTCUSDT",
    is_taker_sale: bool = False,
    received_ms: int | None = None,
    time_fell: bool = False,
) -> TradeRecord:
    """Return a TRADE record; received when it happened unless told otherwise."""
    return TradeRecord(
        kind="TRADE",
        symbol=symbol,
        trade_time_ms=at_ms,
        received_time_ms=at_ms if received_ms is None else received_ms,
        source="STREAM",
        trade_id=trade_id,
        price=scaled(price),
        quantity=scaled(quantity),
        buyer_is_maker=is_taker_sale,
        event_time_ms=at_ms,
        time_fell=time_fell,
    )


def gap(
    first_id: int,
    last_id: int,
    *,
    at_ms: int = HOUR,
    symbol: str = "BTCUSDT",
    reason: str = "not in REST",
) -> TradeRecord:
    """Return a GAP record."""
    return TradeRecord(
        kind="GAP",
        symbol=symbol,
        trade_time_ms=at_ms,
        received_time_ms=at_ms,
        source="REST",
        gap=Gap(first_id, last_id, reason),
    )


def closing(
    trades: Iterable[TradeRecord],
    /,
    *,
    open_time_ms: int = HOUR,
    symbol: str = "BTCUSDT",
    witness: str = "STREAM",
    quiet_at: str = "1",
    **changes: object,
) -> TradeRecord:
    """Return the CLOSE that a faultless exchange sends after these trades; `changes` falsify it."""
    rows = sorted(trades, key=lambda record: record.trade_id or 0)
    fields: dict[str, object] = dict.fromkeys(("open", "high", "low", "close"), scaled(quiet_at))
    fields |= {"first_trade_id": -1, "last_trade_id": -1, "trades": len(rows)}
    if rows:
        prices = [row.price or 0 for row in rows]
        fields |= {"open": prices[0], "close": prices[-1], "high": max(prices), "low": min(prices)}
        fields |= {"first_trade_id": rows[0].trade_id, "last_trade_id": rows[-1].trade_id}
    buys = [row for row in rows if not row.buyer_is_maker]
    fields |= {"volume": _volume(rows), "quote_volume": _notional(rows)}
    fields |= {"taker_buy_volume": _volume(buys), "taker_buy_quote_volume": _notional(buys)}
    if witness == "END":
        fields = {}
    return TradeRecord(
        kind="CLOSE",
        symbol=symbol,
        trade_time_ms=open_time_ms + HOUR_MS - 1,
        received_time_ms=open_time_ms + HOUR_MS + 20,
        source="STREAM",
        close=Close(
            open_time_ms=hour_open_ms(open_time_ms), witness=witness, **{**fields, **changes}
        ),  # type: ignore[arg-type] # fields by name
    )


def _volume(rows: list[TradeRecord]) -> str:
    return _plain(sum(row.quantity or 0 for row in rows), 8)


def _notional(rows: list[TradeRecord]) -> str:
    return _plain(sum((row.price or 0) * (row.quantity or 0) for row in rows), 16)


def _plain(units: int, scale: int) -> str:
    """Return units × 10^-scale, exact however many digits it has."""
    return f"{Decimal(f'{units}e-{scale}'):f}"
