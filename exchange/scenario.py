"""A scenario: faults that come at set times or trades, from a file.

The file is a JSON list or has one JSON object a line (empty lines are passed over). Each entry has
either ``"at_s"``, wall seconds after the exchange's clock was started, or ``"at_trade"``, which is
right after that trade (or, if it never exists, the first later one) was sent. The rest is the body
of ``POST /faults``; exchange/faults.py lists all kinds::

    {"at_s": 5, "kind": "cut"}
    {"at_s": 7.5, "kind": "rest_error", "status": 503, "form": "html", "count": 3}
    {"at_trade": {"symbol": "BTCUSDT", "id": 250000}, "kind": "drop", "symbol": "BTCUSDT"}
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import structlog

from exchange.clock import Clock
from exchange.errors import StandInError
from exchange.fault_desk import FaultDesk
from exchange.faults import FaultError, FaultRequest, parse_fault
from exchange.trade_faults import TradeFaults, Watch

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """One fault and when it comes: at a wall second, or after a symbol's trade."""

    request: FaultRequest
    at_s: float | None = None
    symbol: str = ""
    trade_id: int = 0


def read_scenario(path: Path, symbols: Collection[str]) -> list[Entry]:
    """Return the entries of a file.

    Raises:
        StandInError: if it cannot be read, or an entry makes no sense; the message names it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        message = f"scenario {path} cannot be read: {error.strerror}; set NEXTHOUR_STANDIN_SCENARIO"
        raise StandInError(message) from error
    return parse_scenario(content, symbols, str(path))


def parse_scenario(content: bytes, symbols: Collection[str], name: str) -> list[Entry]:
    """Return the entries in a file's content; ``name`` is that of the file.

    Raises:
        StandInError: if an entry makes no sense.
    """
    entries = []
    for number, body in enumerate(_bodies(content, name), 1):
        try:
            entries.append(_entry(body, symbols))
        except FaultError as error:
            message = f"scenario {name}, entry {number}: {error}"
            raise StandInError(message) from None
    return entries


def _bodies(content: bytes, name: str) -> list[Any]:
    is_list = content.lstrip().startswith(b"[")
    parts = [content] if is_list else [line for line in content.splitlines() if line.strip()]
    bodies = []
    for number, part in enumerate(parts, 1):
        try:
            bodies.append(orjson.loads(part))
        except orjson.JSONDecodeError as error:
            where = "" if is_list else f", entry {number}"
            message = f"scenario {name}{where}: no JSON: {error}"
            raise StandInError(message) from None
    return bodies[0] if is_list else bodies


def _entry(body: Any, symbols: Collection[str]) -> Entry:
    if not isinstance(body, dict) or ("at_s" in body) == ("at_trade" in body):
        message = 'it must be a JSON object with either "at_s" or "at_trade"'
        raise FaultError(message)
    rest = {key: value for key, value in body.items() if key not in ("at_s", "at_trade")}
    request = parse_fault(rest, symbols)
    if "at_s" in body:
        at_s = body["at_s"]
        if isinstance(at_s, bool) or not isinstance(at_s, int | float) or at_s < 0:
            message = "at_s must be a number of seconds, at least 0"
            raise FaultError(message)
        return Entry(request, at_s=float(at_s))
    trade = body["at_trade"]
    is_trade = isinstance(trade, dict) and trade.keys() == {"symbol", "id"}
    if not is_trade or trade["symbol"] not in symbols or type(trade["id"]) is not int:
        listed = ", ".join(sorted(symbols))
        message = f'at_trade must be {{"symbol": one of {listed}, "id": integer}}'
        raise FaultError(message)
    return Entry(request, symbol=trade["symbol"], trade_id=trade["id"])


class Scenario:
    """Entries that are carried out while the exchange runs."""

    def __init__(self, entries: list[Entry], desk: FaultDesk, trades: TradeFaults) -> None:
        self._desk = desk
        self._timed = sorted(
            (entry for entry in entries if entry.at_s is not None), key=lambda one: one.at_s or 0.0
        )
        for entry in entries:
            if entry.at_s is None:
                trades.watch(entry.symbol, Watch(entry.trade_id, _Injection(self, entry)))

    async def run(self, clock: Clock) -> None:
        """Carry out the timed entries; return after the last."""
        await clock.started()
        loop = asyncio.get_running_loop()
        start_s = loop.time()
        for entry in self._timed:
            await asyncio.sleep(start_s + (entry.at_s or 0.0) - loop.time())
            self.inject(entry)

    def inject(self, entry: Entry) -> None:
        """Carry out an entry; one that the book cannot do is logged."""
        try:
            self._desk.inject(entry.request)
        except FaultError as error:
            _log.warning("fault of the scenario not injected", reason=str(error))


@dataclass(frozen=True, slots=True)
class _Injection:
    scenario: Scenario
    entry: Entry

    def __call__(self) -> None:
        self.scenario.inject(self.entry)
