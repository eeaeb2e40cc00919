"""A range of hours is compared part by part, so that memory does not grow with its length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from conf.names import DAY_HOURS
from producers.rest_client import RestClient
from streaming.context import PipelineContext
from streaming.reconcile.compare import Figures, Key
from streaming.reconcile.exchange import PAGE_HOURS, exchange_figures
from streaming.reconcile.findings import StoreContent, judge_stores
from streaming.reconcile.outcome import Outcome
from streaming.reconcile.parquet_files import parquet_content
from streaming.reconcile.ranges import HourRange, day_of
from streaming.reconcile.readers import postgres_content
from streaming.reconcile.topic_copy import TopicCopy

STORES = ("postgres", "topic", "parquet")
"""Postgres first: it is written last, so that whatever it holds must be in the others."""
EXCHANGE = "exchange"
CANDLES_AT_ONCE = 10_000
"""Of each store and of the exchange, in memory; for ten coins six weeks."""

OnPart = Callable[[str], None]


def part_hours(symbols: int) -> int:
    """Return how many hours of so many symbols are compared at once: whole days, one page of klines."""
    hours = min(CANDLES_AT_ONCE // symbols, PAGE_HOURS)
    return max(hours // DAY_HOURS, 1) * DAY_HOURS


@dataclass(frozen=True, slots=True)
class _Look:
    """What the stores and the exchange say of a part."""

    stores: dict[str, StoreContent]
    exchange: dict[Key, Figures] | None

    def judged(self, symbols: tuple[str, ...]) -> Outcome:
        return judge_stores(symbols, self.stores, self.exchange)

    def without(self, days: set[int]) -> _Look:
        exchange = self.exchange
        if exchange is not None:
            exchange = {key: one for key, one in exchange.items() if day_of(key[1]) not in days}
        return _Look({name: one.without(days) for name, one in self.stores.items()}, exchange)


class PartedComparison:
    """Compares a range of hours, then once more the days on which something differs."""

    def __init__(
        self,
        context: PipelineContext,
        symbols: tuple[str, ...],
        stores: Iterable[str],
        hours: HourRange,
        rest: RestClient | None,
    ) -> None:
        """Take what to compare; `rest` is an open client, None leaves the exchange out."""
        self._context = context
        self._symbols = symbols
        self._stores = sorted(stores, key=STORES.index)
        self._hours = hours
        self._rest = rest
        self._topic = TopicCopy(context.kafka, context.namespace, hours, frozenset(symbols))

    def close(self) -> None:
        """Remove what was copied."""
        self._topic.close()

    async def compare(self, second_look_s: float, on_part: OnPart) -> Outcome:
        """Return the outcome; errors as `job.reconcile`.

        Args:
            second_look_s: how long what differs is given to arrive, in wall seconds.
            on_part: told what was read, as soon as it is.
        """
        total = Outcome.of(self._symbols, self._stores)
        parts = list(self._hours.parts(part_hours(len(self._symbols))))
        again: list[HourRange] = []
        for number, part in enumerate(parts, start=1):
            place = f", part {number} of {len(parts)}" if len(parts) > 1 else ""
            look = await self._look(part, on_part, place)
            outcome = look.judged(self._symbols)
            if not outcome.is_green:
                days = {day_of(open_ms) for open_ms in outcome.differing}
                again += part.only(days)
                outcome = look.without(days).judged(self._symbols)
            total.add(outcome)
        if again:
            await asyncio.sleep(second_look_s)
        for hours in again:
            look = await self._look(hours)
            total.add(look.judged(self._symbols))
        total.sort()
        return total

    async def _look(
        self, hours: HourRange, on_part: OnPart = lambda _: None, place: str = ""
    ) -> _Look:
        exchange = None
        if self._rest is not None:
            exchange = await exchange_figures(self._rest, self._symbols, hours)
            on_part(EXCHANGE + place)
        found = {}
        for store in self._stores:
            found[store] = await self._read(store, hours)
            on_part(store + place)
        return _Look(found, exchange)

    async def _read(self, store: str, hours: HourRange) -> StoreContent:
        namespace, symbols = self._context.namespace, frozenset(self._symbols)
        if store == "topic":
            return await asyncio.to_thread(self._topic.content, hours)
        if store == "postgres":
            settings = self._context.postgres
            return await asyncio.to_thread(postgres_content, settings, namespace, hours, symbols)
        return await parquet_content(self._context.hdfs, namespace, hours, symbols)
