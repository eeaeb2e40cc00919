"""Years of history into the stores: chunk by chunk per symbol, some symbols side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import HdfsSettings, PostgresSettings
from streaming.history.files import write_file
from streaming.history.ledger import loaded_chunks, store_chunk
from streaming.history.months import Part
from streaming.history.sources import Chunk, Loaded, Refusal, Source


@dataclass(frozen=True, slots=True)
class Stores:
    """Where history goes."""

    namespace: Namespace
    postgres: PostgresSettings
    hdfs: HdfsSettings


@dataclass(slots=True)
class Outcome:
    """What a backfill did for one symbol.

    Attributes:
        symbol: whose.
        months: names of the months gone through, and whether the source has anything of each.
        skipped: months that an earlier run had loaded.
        chunks: chunks stored now.
        rows: hours in them.
        repeated: rows that only said the same again.
        rejected: rows refused; they are in table `history_rejection`.
        own: hours that keep an own candle.
        refusals: chunks of which nothing was stored, and why.
        file_hours: hours in the history file.
    """

    symbol: str
    months: dict[str, bool] = field(default_factory=dict)
    skipped: int = 0
    chunks: int = 0
    rows: int = 0
    repeated: int = 0
    rejected: int = 0
    own: int = 0
    refusals: list[str] = field(default_factory=list)
    file_hours: int = 0

    def add(self, chunk: Chunk, own: int) -> None:
        """Count a stored chunk."""
        self.chunks += 1
        self.rows += len(chunk.cleaned.bars)
        self.repeated += chunk.cleaned.repeated
        self.rejected += len(chunk.cleaned.rejections)
        self.own += own

    @property
    def is_empty(self) -> bool:
        """Whether the source has nothing of the symbol in the whole range."""
        return not any(self.months.values())

    @property
    def holes(self) -> list[str]:
        """Months that the source lacks although it has earlier and later ones."""
        known = [position for position, has in enumerate(self.months.values()) if has]
        if not known:
            return []
        inside = list(self.months.items())[known[0] : known[-1]]
        return [name for name, has in inside if not has]


class Watcher(Protocol):
    """Told how far a backfill is; called in the event loop's thread."""

    def begun(self, symbol: str, months: int) -> None:
        """So many months are to be gone through."""
        ...

    def month_done(self, symbol: str) -> None:
        """One more month is in the table, or was already."""
        ...

    def ended(self, outcome: Outcome) -> None:
        """The symbol's file is written."""
        ...


async def backfill(
    source: Source,
    symbols: Sequence[str],
    stores: Stores,
    watcher: Watcher,
    *,
    parallel: int,
) -> list[Outcome]:
    """Load what is not loaded yet, then write each symbol's file; may be repeated and killed.

    A refused chunk does not stop the others. What an earlier run stored stays whatever happens.

    Args:
        source: where from.
        symbols: whose history.
        stores: where to.
        watcher: told of progress.
        parallel: symbols side by side, each with a connection of its own.

    Raises:
        BackfillError: if the source lacks a symbol or does not answer.
        psycopg2.Error: if Postgres refuses.
        OSError: if HDFS does.
    """
    slots = asyncio.Semaphore(parallel)

    async def one(symbol: str) -> Outcome:
        async with slots:
            connection = await asyncio.to_thread(connect, stores.postgres, stores.namespace)
            try:
                outcome = await _load(source, symbol, connection, watcher)
                files = open_hdfs(stores.hdfs)
                outcome.file_hours = await asyncio.to_thread(
                    write_file, connection, files, stores.namespace, symbol
                )
            finally:
                connection.close()
            watcher.ended(outcome)
            return outcome

    tasks = [asyncio.create_task(one(symbol)) for symbol in symbols]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        # The first error is the one to tell; the rest ends at its next step.
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _load(source: Source, symbol: str, connection: Connection, watcher: Watcher) -> Outcome:
    loads = await asyncio.to_thread(loaded_chunks, connection, source.name)
    loaded = loads.get(symbol, {})
    months = await source.months(symbol)
    watcher.begun(symbol, len(months))
    outcome = Outcome(symbol)
    for month in months:
        if source.is_loaded(symbol, month, loaded):
            outcome.skipped += 1
            outcome.months[month.name] = True
        else:
            outcome.months[month.name] = any(name.startswith(month.name) for name in loaded)
            await _load_month(source, outcome, month, loaded, connection)
        watcher.month_done(symbol)
    return outcome


async def _load_month(
    source: Source, outcome: Outcome, month: Part, loaded: Loaded, connection: Connection
) -> None:
    async for found in source.read(outcome.symbol, month, loaded):
        outcome.months[month.name] = True
        if isinstance(found, Refusal):
            outcome.refusals.append(found.reason)
            continue
        own = await asyncio.to_thread(store_chunk, connection, outcome.symbol, source.name, found)
        outcome.add(found, own)
