"""Repairs: every requested hour is rebuilt, stored as the next revision if it changed, and told.

May be run at any time, by several at once, and again after any crash: an hour that was asked for stays
`wanted` in the table `repair` until what became of it is committed together with its row.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from conf.abort import AbortSwitch
from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.postgres import connect, fetch
from conf.contracts.candles import Candle
from conf.contracts.incidents import IncidentKind
from conf.contracts.trades import SCALE
from conf.names import epoch_ms, utc_time
from producers.errors import BadMessage, RestError
from producers.listing import check_symbols
from producers.messages import Limits, Parser
from producers.rest_client import RestClient
from streaming.alarms import Alarms, alarms_of
from streaming.archive.reader import read_hour
from streaming.candles.files import CandleFiles
from streaming.candles.revisions import HourKey
from streaming.candles.topic import CandleTopic
from streaming.context import PipelineContext
from streaming.reconcile.exchange import rest_settings
from streaming.reconcile.ranges import HourRange, closed_until_ms, time_text
from streaming.repair.decide import Decision, Step
from streaming.repair.evidence import Evidence, NoEvidenceError, gather_evidence
from streaming.repair.rebuild import HourTrade
from streaming.repair.requests import Wanted, request_repairs, wanted_hours
from streaming.repair.store import RepairStore

NAME = "repair"
# Each holds an hour of trades; a busy one is a few hundred thousand.
HOURS_AT_ONCE = 3
FLUSH_S = 10.0
SENSELESS = (KeyError, TypeError, ValueError)
"""What reading an answer raises that is JSON and not what the exchange documents."""

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Repaired:
    """What became of one hour.

    Attributes:
        state: `done` (next revision stored), `unchanged`, `failed`, or `wanted` (not closed yet).
        revision: what the hour has now, None if it has no candle.
        verdict: of the candle that is there now, None if there is none.
        detail: one line for people.
    """

    symbol: str
    open_time_ms: int
    state: str
    revision: int | None
    verdict: str | None
    detail: str

    @property
    def is_settled(self) -> bool:
        """Whether the hour needs nobody any more."""
        return self.state in ("done", "unchanged") and self.verdict in ("complete", "quiet")


def request(context: PipelineContext, hours: Iterable[HourKey], reason: str) -> None:
    """Ask for hours, so that a crash forgets none of them; raises psycopg2.Error."""
    with (
        closing(connect(context.postgres, context.namespace)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        request_repairs(cursor, hours, reason)


def disputed_hours(
    context: PipelineContext, hours: HourRange | None, symbols: Sequence[str]
) -> list[HourKey]:
    """Return the hours whose current candle is disputed; of all times without a range."""
    condition = "AND open_time >= %s AND open_time < %s" if hours else ""
    bounds = [utc_time(hours.from_ms), utc_time(hours.until_ms)] if hours else []
    rows = fetch(
        context.postgres,
        context.namespace,
        "SELECT symbol, open_time FROM candle_current WHERE interval = '1h' "  # noqa: S608
        f"AND verdict = 'disputed' AND symbol = ANY(%s) {condition} ORDER BY open_time, symbol",
        [list(symbols), *bounds],
    )
    return [(symbol, epoch_ms(opened)) for symbol, opened in rows]


async def work_off(
    context: PipelineContext,
    hours: Iterable[HourKey] | None = None,
    on_hour: Callable[[Repaired], None] = lambda _: None,
    on_count: Callable[[int], None] = lambda _: None,
) -> list[Repaired]:
    """Repair what is wanted.

    Args:
        context: where everything is.
        hours: only these of the wanted hours; None for all.
        on_hour: told each hour as soon as it is through.
        on_count: told at first how many there are.

    Raises:
        ProducerError: if the exchange does not answer at all.
        psycopg2.Error, OSError, SinkError: if a store is away; what was not reached stays wanted.
    """
    with (
        closing(connect(context.postgres, context.namespace)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        wanted = wanted_hours(cursor, hours)
    on_count(len(wanted))
    if not wanted:
        return []
    async with RestClient(context.exchange.rest_url, rest_settings()) as rest:
        symbols = sorted({one.symbol for one in wanted})
        await check_symbols(rest, symbols, context.exchange.rest_url)
        now_ms = await rest.server_time_ms()
        job = _Job(context, rest, now_ms)
        try:
            return await job.run(wanted, on_hour)
        finally:
            job.close()


class _Job:
    """One run over some hours."""

    def __init__(self, context: PipelineContext, rest: RestClient, now_ms: int) -> None:
        namespace = context.namespace
        abort = AbortSwitch(context.candle.abort_at)
        self._context = context
        self._rest = rest
        self._now_ms = now_ms
        self._closed_ms = closed_until_ms(now_ms, context.run.speed)
        tolerance_ms = int(context.candle.future_tolerance_ms * context.run.speed)
        self._parser = Parser(Limits(tolerance_ms, context.candle.max_notional))
        self._hdfs = open_hdfs(context.hdfs)
        self._store = RepairStore(
            partial(connect, context.postgres, namespace),
            CandleFiles(namespace, partial(write_replacing, open_hdfs(context.hdfs)), abort),
            CandleTopic(context.kafka, namespace.candles_topic, abort),
            abort,
        )
        self._alarms: Alarms = alarms_of(context, NAME)
        self._storing = asyncio.Lock()
        self._slots = asyncio.Semaphore(HOURS_AT_ONCE)

    def close(self) -> None:
        """Close what was opened; the incidents are on the topic then."""
        self._store.close()
        self._alarms.flush(FLUSH_S)

    async def run(
        self, wanted: Sequence[Wanted], on_hour: Callable[[Repaired], None]
    ) -> list[Repaired]:
        async def one(hour: Wanted) -> Repaired:
            async with self._slots:
                repaired = await self._repair(hour)
            on_hour(repaired)
            return repaired

        tasks = [asyncio.create_task(one(hour)) for hour in wanted]
        try:
            return await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()

    async def _repair(self, wanted: Wanted) -> Repaired:
        if wanted.open_time_ms >= self._closed_ms:
            text = "not closed yet, or too young: stays wanted"
            return Repaired(wanted.symbol, wanted.open_time_ms, "wanted", None, None, text)
        try:
            evidence = await self._evidence(wanted)
        except (NoEvidenceError, RestError, BadMessage, *SENSELESS) as error:
            reason = f"no sense in the answer: {error!r}" if isinstance(error, SENSELESS) else error
            text = str(reason)
            await self._in_thread(self._store.fail, wanted, text)
            return Repaired(wanted.symbol, wanted.open_time_ms, "failed", None, None, text)
        candle = evidence.candle()
        detail = _detail(candle, evidence)
        decision, before = await self._in_thread(
            self._store.store, wanted, candle, len(evidence.missing), detail
        )
        return self._told(wanted, candle, decision, before, detail)

    async def _evidence(self, wanted: Wanted) -> Evidence:
        """Gather with the archive; if what it holds is contradicted, once more from REST alone."""
        archived = await asyncio.to_thread(self._archived, wanted)
        evidence = await self._gather(wanted, archived)
        if not archived or evidence.missing or evidence.candle().verdict != "disputed":
            return evidence
        alone = await self._gather(wanted, [])
        return evidence if alone.missing else alone

    async def _gather(self, wanted: Wanted, archived: Sequence[HourTrade]) -> Evidence:
        return await gather_evidence(
            self._rest, self._parser, wanted.symbol, wanted.open_time_ms, archived, self._now_ms
        )

    def _archived(self, wanted: Wanted) -> list[HourTrade]:
        trades = read_hour(self._hdfs, self._context.namespace, wanted.symbol, wanted.open_time_ms)
        return [
            HourTrade(
                trade.trade_id,
                int(trade.price.scaleb(SCALE)),
                int(trade.quantity.scaleb(SCALE)),
                trade.buyer_is_maker,
                trade.trade_time_ms,
            )
            for trade in trades
        ]

    async def _in_thread(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        async with self._storing:
            return await asyncio.to_thread(work, *args, **kwargs)

    def _told(
        self,
        wanted: Wanted,
        candle: Candle,
        decision: Decision,
        before: Candle | None,
        detail: str,
    ) -> Repaired:
        symbol, open_ms = wanted.symbol, wanted.open_time_ms
        if decision.step is Step.KEEP:
            assert before is not None
            text = f"kept as it is ({before.verdict}), it has more trades: {detail}"
            return Repaired(symbol, open_ms, "failed", decision.revision, before.verdict, text)
        if decision.step is Step.RESTORE:
            return Repaired(symbol, open_ms, "unchanged", decision.revision, candle.verdict, detail)
        was = f"was {before.verdict}" if before else "was missing"
        text = f"{time_text(open_ms)} revision {decision.revision}: {detail}; {was}"
        self._alarms.tell(
            IncidentKind.REPAIRED,
            text,
            symbol=symbol,
            first_id=candle.first_trade_id,
            last_id=candle.last_trade_id,
            started_ms=self._now_ms,
            ended_ms=self._now_ms,
        )
        return Repaired(symbol, open_ms, "done", decision.revision, candle.verdict, detail)


def _detail(candle: Candle, evidence: Evidence) -> str:
    """Return one line: verdict, what is missed, and where the trades came from."""
    from_rest = candle.trades - evidence.from_archive
    parts = [f"{candle.verdict}: {candle.reason}" if candle.reason else candle.verdict]
    if evidence.missing:
        parts.append(f"stays so: {evidence.why_missing}")
    parts.append(f"{evidence.from_archive} trades from the archive, {max(from_rest, 0)} from REST")
    return "; ".join(parts)
