"""Where a symbol's series begins: the first trade of the running hour, asked of REST."""

from __future__ import annotations

from dataclasses import dataclass

from conf.names import HOUR_MS, hour_open_ms
from producers.questions import Start
from producers.rest_client import RestClient
from producers.tail import Tail

# Each step goes one trade back; more means that `aggTrades` and `historicalTrades` disagree.
MAX_STEPS = 100
RACES = 3
# Where a host serves aggregates only, the trade before the hour is looked for from here on.
BEFORE_MS = 600_000


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The trade before the first one: its id and time, or neither if REST has none."""

    trade_id: int | None
    time_ms: int | None


def resumed(tail: Tail) -> Start | None:
    """Return where a published series goes on, or None if no trade of it was published. Pure.

    `begins_at_id` is unset; ask `start_at` where no hour was closed yet.
    """
    if tail.last_id is None:
        return None
    if tail.last_close is not None:
        hour = tail.last_close.open_time_ms + HOUR_MS
        is_known = tail.last_close.witness != "END" and tail.last_close_id is not None
        first = tail.last_close_id + 1 if is_known and tail.last_close_id is not None else None
    else:
        assert tail.first_time_ms is not None
        hour, first = hour_open_ms(tail.first_time_ms), tail.first_id
    absent = tuple((at, *ids) for ids, at in tail.absent.items() if at >= hour)
    return Start(tail.last_id, tail.last_time_ms or hour, hour, first, absent=absent)


async def find_start(
    rest: RestClient, symbol: str, seen_id: int | None, hour_ms: int | None = None
) -> Start | None:
    """Return the start of a symbol of which no trade was ever published.

    Args:
        rest: the exchange.
        symbol: upper case.
        seen_id: lowest id that the stream has sent so far.
        hour_ms: open time of the first hour; the running one if None.

    Returns:
        None if the exchange knows of no trade at all.

    Raises:
        RestError: if it does not answer.
    """
    for _ in range(RACES):
        now_ms = await rest.server_time_ms()
        hour = hour_open_ms(now_ms) if hour_ms is None else hour_ms
        first = await rest.first_aggregate_since(symbol, hour)
        if first is not None:
            return await start_at(rest, symbol, int(first["f"]), hour)
        recent = await rest.historical_trades(symbol, 1)
        if not recent:
            break
        if int(recent[-1]["time"]) < hour:
            last = int(recent[-1]["id"])
            return Start(last, hour, hour, last + 1, skip_before_ms=hour)
        # It was traded between the two questions.
    return None if seen_id is None else await start_at(rest, symbol, seen_id, hour)


async def start_at(rest: RestClient, symbol: str, first_id: int, hour_ms: int) -> Start:
    """Return the start at a known id of an hour; earlier trades of that hour come first.

    `begins_at_id` is set unless REST shows that the trade before lies before the hour.
    """
    for _ in range(MAX_STEPS):
        before = await trade_before(rest, symbol, first_id, hour_ms - BEFORE_MS)
        if before.trade_id is None or before.time_ms is None:
            begins = first_id if first_id > 1 else None
            return Start(first_id - 1, hour_ms, hour_ms, first_id, begins)
        if before.time_ms < hour_ms:
            return Start(first_id - 1, hour_ms, hour_ms, first_id)
        first_id = before.trade_id
    return Start(first_id - 1, hour_ms, hour_ms, first_id, first_id)


async def trade_before(
    rest: RestClient, symbol: str, trade_id: int, since_ms: int | None = None
) -> Neighbour:
    """Return the trade with the id before, or an empty neighbour if REST does not have it."""
    if trade_id <= 0:
        return Neighbour(None, None)
    rows = await rest.historical_trades(symbol, 1, trade_id - 1, since_ms)
    if rows and int(rows[0]["id"]) == trade_id - 1:
        return Neighbour(trade_id - 1, int(rows[0]["time"]))
    return Neighbour(None, None)
