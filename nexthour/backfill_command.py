"""What `nexthour backfill` does: choose a source, load, say what happened."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import requests
from rich.console import Console

from conf.connections.postgres import connect, migrate
from conf.history import HistorySettings
from conf.names import Namespace
from conf.producer import ProducerSettings
from conf.settings import ExchangeSettings, HdfsSettings, PostgresSettings, RunSettings
from conf.symbol_changes import successor_hint
from local.errors import LocalError
from nexthour.backfill_progress import ProgressBars
from producers.errors import ProducerError
from producers.listing import check_symbols
from producers.rest_client import RestClient
from streaming.failures import first_line
from streaming.history.backfill import Outcome, Stores, backfill
from streaming.history.dumps import DumpSource
from streaming.history.folder import FolderSource, Grid, symbols_in
from streaming.history.ledger import forget_loads, known_grids, note_symbol_changes, take_turn
from streaming.history.months import FIRST_MS, months_between, parse_bound
from streaming.history.rest_pages import RestSource
from streaming.history.sources import BackfillError, Source

_SYMBOL = re.compile(r"\w{2,40}")
_FOREVER_MS = 4_102_444_800_000  # 2100: a folder is asked for all that it holds


@dataclass(frozen=True, slots=True)
class Options:
    """What a person asked for.

    Attributes:
        kind: which source.
        folder: for the source folder.
        dumps_url: another host of dumps than the settings say.
        symbols: comma separated; None means those of the run, or all of the folder.
        first: first year, month or day, None for the earliest.
        last: last year, month or day, None for now.
        again: load what was loaded before, too.
    """

    kind: str
    folder: Path | None = None
    dumps_url: str | None = None
    symbols: str | None = None
    first: str | None = None
    last: str | None = None
    again: bool = False


def run_backfill(options: Options) -> bool:
    """Load history; return whether every chunk was loaded.

    Raises:
        LocalError: one line, if it cannot start or go on; what was stored stays.
    """
    console = Console()
    started = time.monotonic()
    try:
        outcomes = asyncio.run(_run(options, console))
    except (BackfillError, ProducerError, psycopg2.Error, requests.RequestException, OSError) as e:
        raise LocalError(first_line(e)) from e
    rows, refused = sum(o.rows for o in outcomes), sum(len(o.refusals) for o in outcomes)
    seconds = time.monotonic() - started
    console.print(
        f" {rows} hours of {len(outcomes)} symbols in {seconds:.1f} s"
        + (f"; {refused} chunks refused, nothing of them is stored" if refused else ""),
        soft_wrap=True,
        highlight=False,
    )
    return not refused and not any(outcome.is_empty for outcome in outcomes)


async def _run(options: Options, console: Console) -> list[Outcome]:
    bounds = bounds_of(options)
    run, settings = RunSettings(), HistorySettings()
    stores = Stores(Namespace(run.namespace), PostgresSettings(), HdfsSettings())
    symbols = chosen_symbols(options, run.symbols)
    migrate(stores.postgres, stores.namespace)
    with closing(connect(stores.postgres, stores.namespace)) as connection:
        if not take_turn(connection, stores.namespace):
            message = f"another backfill of namespace {run.namespace} is running; wait for its end"
            raise BackfillError(message)
        note_symbol_changes(connection)
        grids = known_grids(connection)
        async with _source(options, settings, bounds, symbols, grids) as source:
            if options.again:
                forget_loads(connection, source.name, symbols, months_between(*bounds))
            with ProgressBars(console) as bars:
                return await backfill(
                    source, symbols, stores, bars, parallel=settings.symbols_parallel
                )


@asynccontextmanager
async def _source(
    options: Options,
    settings: HistorySettings,
    bounds: tuple[int, int],
    symbols: Sequence[str],
    grids: Mapping[str, Grid],
) -> AsyncIterator[Source]:
    now_ms = int(time.time() * 1000)
    if options.kind == "folder":
        assert options.folder is not None
        yield FolderSource(options.folder, (bounds[0], min(bounds[1], now_ms)), grids)
    elif options.kind == "dumps":
        if options.dumps_url:
            settings = HistorySettings(dumps_url=options.dumps_url)
        async with DumpSource(settings, bounds, now_ms) as dumps:
            yield dumps
    else:
        url = ExchangeSettings().rest_url
        client = ProducerSettings().model_copy(update={"rest_parallel": settings.concurrency})
        async with RestClient(url, client) as rest:
            unknown = await check_symbols(rest, symbols, url)
            if unknown:
                hints = [hint for hint in map(successor_hint, unknown) if hint]
                message = f"unknown symbol {', '.join(unknown)}: not on {url}; correct --symbols"
                raise BackfillError("; ".join([message, *hints]))
            yield RestSource(rest, bounds, await rest.server_time_ms())


def chosen_symbols(options: Options, of_the_run: Sequence[str]) -> tuple[str, ...]:
    """Return whose history is wanted: as asked, else all of a folder, else those of the run.

    Raises:
        BackfillError: if one is no symbol, or there is none.
    """
    if options.symbols is not None:
        named = [part.strip().upper() for part in options.symbols.split(",") if part.strip()]
    elif options.folder is not None:
        named = list(symbols_in(options.folder))
    else:
        named = list(of_the_run)
    wrong = [name for name in named if not _SYMBOL.fullmatch(name)]
    if wrong or not named:
        message = f"{', '.join(wrong) or 'nothing'} is no symbol; give --symbols BTCUSDT,ETHUSDT"
        raise BackfillError(message)
    return tuple(dict.fromkeys(named))


def bounds_of(options: Options) -> tuple[int, int]:
    """Return the range, UTC epoch ms, end exclusive: whole months, years or days as written.

    Raises:
        BackfillError: if a bound is no date, or nothing lies between them.
    """
    try:
        start_ms = parse_bound(options.first, is_end=False) if options.first else FIRST_MS
        end_ms = parse_bound(options.last, is_end=True) if options.last else _FOREVER_MS
    except ValueError as error:
        raise BackfillError(str(error)) from error
    if start_ms >= end_ms:
        message = f"--from {options.first} lies after --until {options.last}"
        raise BackfillError(message)
    return start_ms, end_ms
