"""Trades and aggregate trades of a series, as REST returns them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from conf.names import hour_open_ms
from exchange.listings import Listing
from exchange.series import HourTrades, Series


def trade_row(listing: Listing, hour: HourTrades, position: int) -> dict[str, Any]:
    """Return one trade object of ``trades`` and ``historicalTrades``."""
    price, quantity = int(hour.price[position]), int(hour.quantity[position])
    return {
        "id": int(hour.trade_id[position]),
        "price": listing.price_text(price),
        "qty": listing.quantity_text(quantity),
        "quoteQty": listing.quote_text(price * quantity),
        "time": int(hour.time_ms[position]),
        "isBuyerMaker": bool(hour.buyer_is_maker[position]),
        "isBestMatch": True,
    }


def recent_trades(series: Series, now_ms: int, limit: int) -> list[dict[str, Any]]:
    """Return the latest trades by ``now_ms``, oldest first."""
    rows: list[dict[str, Any]] = []
    for hour, seen in series.hours_back(now_ms, now_ms):
        begin = max(seen - (limit - len(rows)), 0)
        rows[:0] = [trade_row(series.listing, hour, i) for i in range(begin, seen)]
        if len(rows) >= limit:
            break
    return rows


def historical_trades(
    series: Series, now_ms: int, from_id: int, limit: int
) -> list[dict[str, Any]]:
    """Return trades from an id on (inclusive), oldest first, none after ``now_ms``."""
    rows: list[dict[str, Any]] = []
    for hour, seen in series.hours_from(series.hour_of_trade(from_id, now_ms), now_ms):
        begin = int(np.searchsorted(hour.trade_id, from_id))
        end = min(seen, begin + limit - len(rows))
        rows += [trade_row(series.listing, hour, i) for i in range(begin, end)]
        if len(rows) >= limit:
            break
    return rows


def orders(
    series: Series,
    now_ms: int,
    *,
    from_id: int | None,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return aggregate trades: from an id, from or up to a time (both inclusive), or the latest."""
    until = now_ms if end_ms is None else min(end_ms, now_ms)
    if from_id is None and start_ms is None:
        return _latest_orders(series, until, limit)
    if from_id is not None:
        hours = series.hours_from(series.hour_of_order(from_id, now_ms), until)
    else:
        assert start_ms is not None
        hours = series.hours_from(hour_open_ms(start_ms), until)
    rows: list[dict[str, Any]] = []
    for hour, seen in hours:
        for row in _order_rows(series.listing, hour, seen):
            is_wanted = row["a"] >= from_id if from_id is not None else row["T"] >= (start_ms or 0)
            if is_wanted:
                rows.append(row)
                if len(rows) == limit:
                    return rows
    return rows


def _latest_orders(series: Series, until_ms: int, limit: int) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for hour, seen in series.hours_back(until_ms, until_ms):
        rows[:0] = list(_order_rows(series.listing, hour, seen))
        if len(rows) >= limit:
            break
    return rows[-limit:]


def _order_rows(listing: Listing, hour: HourTrades, seen: int) -> Iterator[dict[str, Any]]:
    begin = 0
    for offset, end in enumerate(hour.order_ends.tolist()):
        if end > seen:
            return
        yield {
            "a": hour.first_order_id + offset,
            "p": listing.price_text(int(hour.price[begin])),
            "q": listing.quantity_text(int(hour.quantity[begin:end].sum())),
            "f": int(hour.trade_id[begin]),
            "l": int(hour.trade_id[end - 1]),
            "T": int(hour.time_ms[begin]),
            "m": bool(hour.buyer_is_maker[begin]),
            "M": True,
        }
        begin = end
