"""Asks REST what the sequencers want to know, one question per symbol at a time, and feeds the answers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog

from conf.abort import AbortSwitch
from conf.contracts.trades import Close
from producers.errors import BadMessage, RestError
from producers.messages import Parser, Trade, rest_kline
from producers.questions import FetchKlines, FetchTail, FetchTrades, FindStart, Request
from producers.rest_client import RestClient
from producers.sequence import Output, Sequencer
from producers.served_trades import UNKNOWN
from producers.start import find_start

log = structlog.get_logger(__name__)

KLINES_PER_PAGE = 500

Publish = Callable[[Sequence[Output]], Awaitable[None]]


class Backfill:
    """The one who asks. `run` goes on until it is cancelled."""

    def __init__(
        self,
        rest: RestClient,
        parser: Parser,
        sequencers: Mapping[str, Sequencer],
        publish: Publish,
        exchange_now_ms: Callable[[], int],
        tick_s: float,
        resume_hours: Mapping[str, int] | None = None,
        abort: AbortSwitch | None = None,
    ) -> None:
        """Create it; asks nothing yet.

        Args:
            rest: the exchange.
            parser: for rows of trades.
            sequencers: by symbol.
            publish: takes what a sequencer gives out, in its order.
            exchange_now_ms: the exchange's time.
            tick_s: how often to look.
            resume_hours: first open hour of symbols that have a published CLOSE but no trade.
            abort: for chaos tests.
        """
        self._rest = rest
        self._parser = parser
        self._sequencers = sequencers
        self._publish = publish
        self._exchange_now_ms = exchange_now_ms
        self._tick_s = tick_s
        self._resume_hours = resume_hours or {}
        self._abort = abort or AbortSwitch(None)
        self._busy: set[str] = set()

    async def run(self) -> None:
        """Look after all sequencers until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                now_s, now_ms = time.monotonic(), self._exchange_now_ms()
                for symbol, sequencer in self._sequencers.items():
                    if symbol in self._busy:
                        continue
                    request = sequencer.next_request(now_s, now_ms)
                    if request is not None:
                        self._busy.add(symbol)
                        tasks.create_task(self._answer(sequencer, request))
                await asyncio.sleep(self._tick_s)

    def is_idle(self) -> bool:
        """Tell whether no question is under way and none is open."""
        now_s, now_ms = time.monotonic(), self._exchange_now_ms()
        return not self._busy and all(
            sequencer.is_settled() and sequencer.next_request(now_s, now_ms) is None
            for sequencer in self._sequencers.values()
        )

    async def _answer(self, sequencer: Sequencer, request: Request | None) -> None:
        try:
            while request is not None:
                try:
                    outputs = await self._ask(sequencer, request)
                except (RestError, BadMessage, KeyError, TypeError, ValueError) as error:
                    reason = f"REST: {error}" if str(error) else f"REST: {error!r}"
                    log.warning("question failed", symbol=sequencer.symbol, reason=reason)
                    outputs = sequencer.on_request_failed(
                        request, reason, time.monotonic(), self._exchange_now_ms()
                    )
                if self._abort:
                    self._abort.at("rest_answered")
                if outputs:
                    await self._publish(outputs)
                request = sequencer.next_request(time.monotonic(), self._exchange_now_ms())
        finally:
            self._busy.discard(sequencer.symbol)

    async def _ask(self, sequencer: Sequencer, request: Request) -> list[Output]:
        match request:
            case FetchTrades():
                return await self._trades(sequencer, request)
            case FetchKlines():
                return await self._klines(sequencer, request)
            case FetchTail():
                return await self._tail(sequencer, request)
            case FindStart():
                symbol = sequencer.symbol
                hour = self._resume_hours.get(symbol)
                start = await find_start(self._rest, symbol, request.seen_id, hour)
                if start is not None:
                    log.info("series starts", symbol=symbol, start=str(start))
                return sequencer.on_start(start, time.monotonic(), self._exchange_now_ms())

    async def _trades(self, sequencer: Sequencer, request: FetchTrades) -> list[Output]:
        count = request.last_id - request.first_id + 1
        rows = await self._rest.historical_trades(
            sequencer.symbol, count, request.first_id, sequencer.last_time_ms
        )
        now_ms = self._exchange_now_ms()
        trades: list[Trade] = []
        rejected: dict[int, str] = {}
        for row in rows:
            if UNKNOWN in row:
                rejected[int(row["id"])] = row[UNKNOWN]
                continue
            try:
                trades.append(self._parser.rest_trade(row, sequencer.symbol, now_ms))
            except BadMessage as error:
                if not isinstance(row, dict) or not isinstance(row.get("id"), int):
                    raise
                rejected[row["id"]] = str(error)
        return sequencer.on_rest_trades(request, trades, rejected, time.monotonic(), now_ms)

    async def _klines(self, sequencer: Sequencer, request: FetchKlines) -> list[Output]:
        symbol = sequencer.symbol
        # Asked first, so that an hour that is over by this time is over in the rows.
        server_time_ms = await self._rest.server_time_ms()
        rows = await self._rest.klines(symbol, request.open_time_ms, KLINES_PER_PAGE)
        closes: list[Close] = [rest_kline(row, symbol) for row in rows]
        first_id: int | None = None
        if request.needs_first:
            first_id = await self._first_id_since(symbol, request.open_time_ms)
        return sequencer.on_rest_klines(
            closes, first_id, server_time_ms, time.monotonic(), self._exchange_now_ms()
        )

    async def _first_id_since(self, symbol: str, open_time_ms: int) -> int | None:
        first = await self._rest.first_aggregate_since(symbol, open_time_ms)
        if first is not None:
            return int(first["f"])
        recent: list[Any] = await self._rest.historical_trades(symbol, 1)
        return int(recent[-1]["id"]) + 1 if recent else None

    async def _tail(self, sequencer: Sequencer, request: FetchTail) -> list[Output]:
        rows = await self._rest.historical_trades(
            sequencer.symbol, 1, request.next_id, sequencer.last_time_ms
        )
        next_time_ms = int(rows[0]["time"]) if rows else None
        return sequencer.on_rest_tail(
            request, next_time_ms, time.monotonic(), self._exchange_now_ms()
        )
