"""Checks the configured symbols against the exchange's `exchangeInfo`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import structlog

from conf.symbol_changes import successor_hint
from producers.errors import RestError, StartupError
from producers.rest_client import UNKNOWN_SYMBOL, RestClient

log = structlog.get_logger(__name__)

PATH = "/api/v3/exchangeInfo"
UNLISTED = "UNLISTED"
"""Our word for a symbol that the exchange does not know (any more)."""


async def check_symbols(rest: RestClient, symbols: Sequence[str], rest_url: str) -> list[str]:
    """Return the symbols that the exchange does not list, and take over its weight limit.

    A symbol that is listed and not TRADING is only warned of: a restart during a halt must work.

    Raises:
        StartupError: saying that the exchange does not answer.
    """
    try:
        found = await statuses(rest, symbols)
    except RestError as error:
        message = f"no exchange at {rest_url} ({error}); start it or set NEXTHOUR_EXCHANGE_REST_URL"
        raise StartupError(message) from error
    for symbol in symbols:
        if found[symbol] not in ("TRADING", UNLISTED):
            log.warning("symbol is not trading", symbol=symbol, status=found[symbol])
    return [symbol for symbol in symbols if found[symbol] == UNLISTED]


def refuse_unknown(symbols: Sequence[str], rest_url: str) -> None:
    """Refuse symbols that are not listed and were never followed: a typing error.

    Raises:
        StartupError: naming them.
    """
    if symbols:
        names = ", ".join(symbols)
        hints = [hint for hint in map(successor_hint, symbols) if hint]
        message = f"unknown symbol {names}: not on {rest_url}; correct NEXTHOUR_SYMBOLS"
        raise StartupError("; ".join([message, *hints]))


async def statuses(rest: RestClient, symbols: Sequence[str]) -> dict[str, str]:
    """Return each symbol's status as `exchangeInfo` says, `UNLISTED` for one that it does not know.

    Raises:
        RestError: if the exchange does not answer.
    """
    info = await _info(rest, symbols)
    if info is not None:
        _take_limit(rest, info)
        rows = info["symbols"]
    else:
        answers = [await _info(rest, [symbol]) for symbol in symbols]
        rows = [row for answer in answers if answer is not None for row in answer["symbols"]]
    found = {row["symbol"]: row["status"] for row in rows}
    return {symbol: found.get(symbol, UNLISTED) for symbol in symbols}


def _take_limit(rest: RestClient, info: dict[str, Any]) -> None:
    for limit in info.get("rateLimits", []):
        if limit.get("rateLimitType") == "REQUEST_WEIGHT" and limit.get("interval") == "MINUTE":
            rest.set_weight_limit(int(limit["limit"]) // int(limit.get("intervalNum", 1)))


async def _info(rest: RestClient, symbols: Sequence[str]) -> dict[str, Any] | None:
    """Return the answer, or None if the exchange says that a symbol is unknown."""
    names = orjson.dumps(list(symbols)).decode()
    try:
        answer: dict[str, Any] = await rest.get(PATH, {"symbols": names})
    except RestError as error:
        if error.code == UNKNOWN_SYMBOL:
            return None
        raise
    return answer
