"""One hour from its trades and the exchange's figures, as the stream would have had it. Pure.

Gives the same `Hour` as Spark's aggregation of the same records, for the same `judge`: there is one
judgement, whatever made the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import NamedTuple

from conf.contracts.candles import Candle
from conf.contracts.trades import SCALE, Close, unscaled
from streaming.candles.revisions import REPAIR_SOURCE
from streaming.candles.verdict import Hour, Witness

WITNESS_KIND = "REST"


class HourTrade(NamedTuple):
    """What a candle needs of a trade. Price and quantity × 10^8, time in UTC epoch ms."""

    trade_id: int
    price: int
    quantity: int
    buyer_is_maker: bool
    trade_time_ms: int


def build_hour(
    symbol: str,
    open_time_ms: int,
    trades: Iterable[HourTrade],
    witness: Close,
    *,
    gap_ids: int = 0,
    absent_ids: int = 0,
    neighbours: Iterable[HourTrade] = (),
) -> Hour:
    """Return the hour of these trades, ready to be judged.

    Args:
        symbol: upper case.
        open_time_ms: its open time, UTC epoch ms.
        trades: its trades, each id once, in any order.
        witness: the exchange's figures, with ids unless the hour is quiet.
        gap_ids: how many ids are missed.
        absent_ids: how many ids inside it never existed.
        neighbours: trades of other hours whose ids lie between or before; they tell whether times fall.
    """
    rows = sorted(trades)
    candle = _candle(symbol, open_time_ms, rows)
    return Hour(
        candle=candle,
        closes=1,
        witness=_witness(witness),
        has_changed_witness=False,
        begins_at_id=None,
        gap_ids=gap_ids,
        absent_ids=absent_ids,
        time_falls=_time_falls(rows, neighbours),
    )


def _candle(symbol: str, open_time_ms: int, rows: Sequence[HourTrade]) -> Candle:
    prices = [row.price for row in rows]
    buys = [row for row in rows if not row.buyer_is_maker]
    return Candle(
        symbol=symbol,
        open_time_ms=open_time_ms,
        revision=0,
        open=unscaled(prices[0]) if rows else None,
        high=unscaled(max(prices)) if rows else None,
        low=unscaled(min(prices)) if rows else None,
        close=unscaled(prices[-1]) if rows else None,
        volume=_exact(sum(row.quantity for row in rows), SCALE),
        quote_volume=_notional(rows),
        taker_buy_volume=_exact(sum(row.quantity for row in buys), SCALE),
        taker_buy_quote_volume=_notional(buys),
        trades=len(rows),
        first_trade_id=rows[0].trade_id if rows else None,
        last_trade_id=rows[-1].trade_id if rows else None,
        verdict="partial",
        reason=None,
        witness=WITNESS_KIND,
        source=REPAIR_SOURCE,
    )


def _notional(rows: Iterable[HourTrade]) -> Decimal:
    return _exact(sum(row.price * row.quantity for row in rows), 2 * SCALE)


def _exact(units: int, scale: int) -> Decimal:
    """Return units × 10^-scale; arithmetic of Decimal would round to 28 digits, its parser does not."""
    return Decimal(f"{units}e-{scale}")


def _witness(close: Close) -> Witness | None:
    """Return the witness of an hour; None if a figure of it is missing."""
    prices = (close.open, close.high, close.low, close.close)
    volumes = (
        close.volume,
        close.quote_volume,
        close.taker_buy_volume,
        close.taker_buy_quote_volume,
    )
    if close.trades is None or None in prices or None in volumes:
        return None
    is_quiet = close.trades == 0
    return Witness(
        WITNESS_KIND,
        None if is_quiet else close.first_trade_id,
        None if is_quiet else close.last_trade_id,
        close.trades,
        *(unscaled(price or 0) for price in prices),
        *(Decimal(volume or 0) for volume in volumes),
    )


def _time_falls(rows: Sequence[HourTrade], neighbours: Iterable[HourTrade]) -> int:
    """Count the trades of the hour whose time lies before that of the trade before them."""
    own = {row.trade_id for row in rows}
    series = sorted([*rows, *neighbours])
    return sum(
        later.trade_id in own and later.trade_time_ms < earlier.trade_time_ms
        for earlier, later in pairwise(series)
    )
