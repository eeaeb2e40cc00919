"""Watches whether the symbols still trade: a dead subscription raises an alarm, never silence.

A symbol that is quiet for long is compared with REST. If REST has later trades, the stream is dead:
an alarm, a new connection, and the missing trades come from REST. What `exchangeInfo` says of each
symbol (halt, delisting, a new name) is data: a change is an alarm, and the other symbols go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import structlog

from conf.contracts.incidents import IncidentKind
from conf.producer import ProducerSettings
from conf.symbol_changes import successor_hint
from producers.errors import RestError
from producers.incidents import IncidentLog
from producers.listing import UNLISTED, statuses
from producers.rest_client import RestClient
from producers.sequence import Sequencer
from producers.stream_client import StreamClient

log = structlog.get_logger(__name__)

LOOK_S = 0.25


class Lifecycle:
    """The watch over one session's symbols; `run` goes on until it is cancelled."""

    def __init__(
        self,
        rest: RestClient,
        settings: ProducerSettings,
        sequencers: Mapping[str, Sequencer],
        clients: Sequence[StreamClient],
        incidents: IncidentLog,
    ) -> None:
        self._rest = rest
        self._settings = settings
        self._sequencers = sequencers
        self._clients = {symbol: client for client in clients for symbol in client.symbols}
        self._incidents = incidents
        self._statuses: dict[str, str] = {}
        self._quiet = {symbol: _Quiet(0, time.monotonic()) for symbol in sequencers}

    async def run(self) -> None:
        """Look after all symbols until cancelled."""
        due_s = time.monotonic()
        while True:
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + self._settings.status_check_s
                await self._check_statuses()
            for symbol, sequencer in self._sequencers.items():
                if self._is_quiet(symbol, sequencer):
                    await self._compare(symbol, sequencer)
            await asyncio.sleep(min(LOOK_S, self._settings.silent_after_s / 4))

    async def _check_statuses(self) -> None:
        try:
            found = await statuses(self._rest, list(self._sequencers))
        except RestError as error:
            log.warning("exchangeInfo not asked", error=str(error))
            return
        for symbol, status in found.items():
            before = self._statuses.get(symbol, "TRADING")
            if status != before:
                detail = f"{before} → {status}"
                if status == UNLISTED:
                    detail += f": {successor_hint(symbol) or 'no trades will come'}"
                self._incidents.report(IncidentKind.STATUS_CHANGED, detail, symbol=symbol)
            self._statuses[symbol] = status

    def _is_quiet(self, symbol: str, sequencer: Sequencer) -> bool:
        """Tell whether the stream has been without a trade of the symbol for long, once each time."""
        quiet, now_s = self._quiet[symbol], time.monotonic()
        received = sequencer.counts.received
        if received != quiet.received:
            quiet.received, quiet.since_s = received, now_s
            sequencer.is_silent = False
            return False
        return now_s - quiet.since_s >= self._settings.silent_after_s

    async def _compare(self, symbol: str, sequencer: Sequencer) -> None:
        """Ask REST whether a quiet symbol has traded meanwhile."""
        client = self._clients[symbol]
        self._quiet[symbol].since_s = time.monotonic()
        if not client.is_open or self._statuses.get(symbol) == UNLISTED:
            return
        received, last_id = sequencer.counts.received, sequencer.last_id
        try:
            rows = await self._rest.recent_trades(symbol, 1)
        except RestError as error:
            log.warning("quiet symbol not compared", symbol=symbol, error=str(error))
            return
        newest = int(rows[-1]["id"]) if rows else None
        if newest is None or last_id is None or sequencer.counts.received != received:
            return
        if newest > max(last_id, sequencer.known_last_id):
            if not sequencer.is_silent:
                detail = f"the stream gave nothing, REST has trades up to {newest}; connecting anew"
                self._incidents.report(IncidentKind.SILENT, detail, symbol=symbol)
            sequencer.is_silent = True
            client.renew()
            sequencer.on_known_id(newest)


class _Quiet:
    """Since when a symbol's count of received trades has not changed, monotonic wall time."""

    def __init__(self, received: int, since_s: float) -> None:
        self.received = received
        self.since_s = since_s
