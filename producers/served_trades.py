"""Trades from an id on, from a host that does not serve `historicalTrades` (market data only).

The latest 1,000 trades are served whole by `trades`. Older ones are known from `aggTrades` only: an
aggregate of one trade is that trade; of a longer one the price, side and time of each trade are
known and its quantity is not, so those ids cannot be had here.
"""

from __future__ import annotations

from typing import Any, Protocol

RECENT = 1000
PAGE = 1000
MOST_PAGES = 50
UNKNOWN = "unknown"
"""Key of a row that is no trade: why its id cannot be had."""


class Served(Protocol):
    """What such a host serves."""

    async def recent_trades(self, symbol: str, limit: int) -> list[Any]:
        """Return the most recent trades, in id order."""
        ...

    async def aggregates(
        self, symbol: str, *, start_ms: int | None = None, from_id: int | None = None
    ) -> list[Any]:
        """Return a page of aggregate trades from a time or an aggregate's id on."""
        ...


async def trades_from(
    rest: Served, symbol: str, from_id: int, limit: int, since_ms: int | None
) -> list[dict[str, Any]]:
    """Return rows of the ids from `from_id` on, as `historicalTrades` would, at most `limit`.

    Args:
        rest: the host.
        symbol: upper case.
        from_id: first id wanted.
        limit: most rows.
        since_ms: a time not after that trade; without it only recent trades are found.

    Returns:
        Trades, and for ids that cannot be had ``{"id", "time", "unknown": reason}``.
    """
    recent = await rest.recent_trades(symbol, RECENT)
    if recent and int(recent[0]["id"]) <= from_id:
        return [row for row in recent if int(row["id"]) >= from_id][:limit]
    if since_ms is None:
        return []
    rows: list[dict[str, Any]] = []
    page = await rest.aggregates(symbol, start_ms=since_ms)
    for _ in range(MOST_PAGES):
        for aggregate in page:
            rows += _rows_of(aggregate, from_id)
        if len(rows) >= limit or len(page) < PAGE:
            break
        page = await rest.aggregates(symbol, from_id=int(page[-1]["a"]) + 1)
    return rows[:limit]


def _rows_of(aggregate: dict[str, Any], from_id: int) -> list[dict[str, Any]]:
    first, last = int(aggregate["f"]), int(aggregate["l"])
    # Aggregates that an audit of 2022 invalidated carry f = -1.
    if first < 0 or last < from_id:
        return []
    if first == last:
        return [
            {
                "id": first,
                "price": aggregate["p"],
                "qty": aggregate["q"],
                "time": aggregate["T"],
                "isBuyerMaker": aggregate["m"],
            }
        ]
    reason = f"part of aggregate trade {aggregate['a']}; this host does not serve historicalTrades"
    return [
        {"id": trade_id, "time": aggregate["T"], UNKNOWN: reason}
        for trade_id in range(max(first, from_id), last + 1)
    ]
