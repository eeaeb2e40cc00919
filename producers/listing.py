"""Checks the configured symbols against the exchange's `exchangeInfo`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import structlog

from producers.errors import RestError, StartupError
from producers.rest_client import UNKNOWN_SYMBOL, RestClient

log = structlog.get_logger(__name__)

PATH = "/api/v3/exchangeInfo"


async def check_symbols(rest: RestClient, symbols: Sequence[str], rest_url: str) -> None:
    """Return if the exchange knows all symbols, and take over its weight limit.

    A symbol that is not TRADING now is only warned of: a restart during a halt must work.

    Raises:
        StartupError: naming the unknown symbols, or saying that the exchange does not answer.
    """
    try:
        info = await _info(rest, symbols)
        unknown = [] if info else [s for s in symbols if await _info(rest, [s]) is None]
    except RestError as error:
        message = f"no exchange at {rest_url} ({error}); start it or set NEXTHOUR_EXCHANGE_REST_URL"
        raise StartupError(message) from error
    if info is None:
        names = ", ".join(unknown) or ", ".join(symbols)
        message = f"unknown symbol {names}: not on {rest_url}; correct NEXTHOUR_SYMBOLS"
        raise StartupError(message)
    _warn_of_status(info, symbols, rest_url)
    for limit in info.get("rateLimits", []):
        if limit.get("rateLimitType") == "REQUEST_WEIGHT" and limit.get("interval") == "MINUTE":
            rest.set_weight_limit(int(limit["limit"]) // int(limit.get("intervalNum", 1)))


def _warn_of_status(info: dict[str, Any], symbols: Sequence[str], rest_url: str) -> None:
    status = {row["symbol"]: row["status"] for row in info["symbols"]}
    missing = [symbol for symbol in symbols if symbol not in status]
    if missing:
        message = (
            f"unknown symbol {', '.join(missing)}: not on {rest_url}; correct NEXTHOUR_SYMBOLS"
        )
        raise StartupError(message)
    for symbol in symbols:
        if status[symbol] != "TRADING":
            log.warning("symbol is not trading", symbol=symbol, status=status[symbol])


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
