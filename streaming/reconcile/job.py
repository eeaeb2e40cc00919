"""One comparison of the stores with each other and with the exchange, while everything runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from conf.connections.postgres import connect
from conf.names import HOUR_MS, epoch_ms
from producers.listing import check_symbols, refuse_unknown
from producers.rest_client import RestClient
from streaming.context import PipelineContext
from streaming.errors import StartError
from streaming.reconcile.compare import Figures, Key
from streaming.reconcile.exchange import exchange_figures, rest_settings
from streaming.reconcile.findings import Outcome, StoreContent, judge_stores
from streaming.reconcile.ranges import HourRange, closed_until_ms
from streaming.reconcile.readers import Reader, parquet_content, postgres_content, topic_content
from streaming.reconcile.record import record

STORES = ("postgres", "topic", "parquet")
"""Postgres first: it is written last, so that whatever it holds must be in the others."""
EXCHANGE = "exchange"
DEFAULT_HOURS = 24

OnPart = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What to compare. Times UTC epoch ms; None stands for what `reconcile` chooses.

    What differs is read again after `second_look_s` wall seconds: a batch or a repair under way is
    through by then.
    """

    symbols: tuple[str, ...]
    stores: tuple[str, ...] = STORES
    with_exchange: bool = True
    from_ms: int | None = None
    until_ms: int | None = None
    second_look_s: float = 3.0


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison as it was stored.

    Attributes:
        run_id: its row in `reconcile_run`.
        hours: the range that was compared.
        compared: the stores, and `exchange` if it was asked.
        outcome: what was found.
    """

    run_id: int
    hours: HourRange
    compared: tuple[str, ...]
    outcome: Outcome


async def reconcile(
    context: PipelineContext, request: Request, on_part: OnPart = lambda _: None
) -> Report:
    """Compare, look again at what differs, and store the result.

    Without a range: the last 24 closed hours, but none before the first candle of the run.

    Args:
        context: where everything is.
        request: what to compare.
        on_part: told the name of each part as soon as it is read.

    Raises:
        StartError: if there is nothing to compare, or the range cannot be.
        ProducerError: if the exchange does not answer or does not know a symbol.
        psycopg2.Error, OSError, KafkaException, TimeoutError: if a store is away.
    """
    started_at = datetime.now(UTC)
    figures: dict[Key, Figures] | None = None
    if request.with_exchange:
        async with RestClient(context.exchange.rest_url, rest_settings()) as rest:
            listed = await check_symbols(rest, request.symbols, context.exchange.rest_url)
            refuse_unknown(listed, context.exchange.rest_url)
            now_ms = await rest.server_time_ms()
            hours = _range(context, request, closed_until_ms(now_ms, context.run.speed))
            figures = await exchange_figures(rest, request.symbols, hours)
            on_part(EXCHANGE)
    else:
        hours = _range(context, request, _newest_end_ms(context))
    outcome = await _compare(context, request, hours, figures, on_part)
    compared = (*request.stores, *([EXCHANGE] if request.with_exchange else []))
    connection = connect(context.postgres, context.namespace)
    try:
        run_id = record(connection, outcome, hours, compared, started_at)
    finally:
        connection.close()
    return Report(run_id, hours, compared, outcome)


async def _compare(
    context: PipelineContext,
    request: Request,
    hours: HourRange,
    figures: Mapping[Key, Figures] | None,
    on_part: OnPart,
) -> Outcome:
    contents = await _read(context, request, hours, on_part)
    outcome = judge_stores(request.symbols, contents, figures)
    if outcome.is_green:
        return outcome
    await asyncio.sleep(request.second_look_s)
    differing = [finding.open_time_ms for finding in outcome.findings]
    narrow = HourRange(min(differing), max(differing) + HOUR_MS)
    again = await _read(context, request, narrow, lambda _: None)
    for store, content in contents.items():
        content.replace(narrow, again[store])
    return judge_stores(request.symbols, contents, figures)


async def _read(
    context: PipelineContext, request: Request, hours: HourRange, on_part: OnPart
) -> dict[str, StoreContent]:
    readers = store_readers(context)
    symbols = frozenset(request.symbols)

    async def one(store: str) -> StoreContent:
        content = await asyncio.to_thread(readers[store], hours, symbols)
        on_part(store)
        return content

    # One after the other: Postgres must be read before the stores that are written before it.
    return {store: await one(store) for store in sorted(request.stores, key=STORES.index)}


def store_readers(context: PipelineContext) -> dict[str, Reader]:
    """Return how to read each store."""
    return {
        "postgres": partial(postgres_content, context.postgres, context.namespace),
        "topic": partial(topic_content, context.kafka, context.namespace),
        "parquet": partial(parquet_content, context.hdfs, context.namespace),
    }


def _range(context: PipelineContext, request: Request, closed_ms: int) -> HourRange:
    until_ms = closed_ms if request.until_ms is None else min(request.until_ms, closed_ms)
    if request.from_ms is not None:
        from_ms = request.from_ms
    else:
        first_ms = _own_hours(context, "min", request.symbols)
        from_ms = max(until_ms - DEFAULT_HOURS * HOUR_MS, first_ms or 0)
    try:
        return HourRange(from_ms, until_ms)
    except ValueError as error:
        message = f"nothing to compare: {error}; hours are closed up to then (--from, --until)"
        raise StartError(message) from error


def _newest_end_ms(context: PipelineContext) -> int:
    newest_ms = _own_hours(context, "max", context.run.symbols)
    if newest_ms is None:
        message = f"there is no candle in {context.namespace.name} yet: is the pipeline running?"
        raise StartError(message)
    return newest_ms + HOUR_MS


def _own_hours(context: PipelineContext, which: str, symbols: Collection[str]) -> int | None:
    """Return the open time of the first (`min`) or last (`max`) hour that was built from trades."""
    connection = connect(context.postgres, context.namespace)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT {which}(open_time) FROM candle WHERE interval = '1h' "  # noqa: S608 - own
                "AND status = 'final' AND source IN ('trades', 'repair') AND symbol = ANY(%s)",
                (list(symbols),),
            )
            row = cursor.fetchone()
    finally:
        connection.close()
    return epoch_ms(row[0]) if row and row[0] is not None else None


def parse_stores(text: str) -> tuple[str, ...]:
    """Return the stores of a comma separated list.

    Raises:
        StartError: naming one that there is not.
    """
    names = tuple(dict.fromkeys(part.strip().lower() for part in text.split(",") if part.strip()))
    unknown = [name for name in names if name not in STORES]
    if unknown or not names:
        message = f"no store {', '.join(unknown) or text!r}: choose from {', '.join(STORES)}"
        raise StartError(message)
    return names


def repair_hint(report: Report, symbols: Sequence[str]) -> str | None:
    """Return the one command that asks for all differing hours, None if there are none."""
    hours = [finding.open_time_ms for finding in report.outcome.findings]
    if not hours:
        return None
    whole = HourRange(min(hours), max(hours) + HOUR_MS)
    named = {finding.symbol for finding in report.outcome.findings}
    begin, end = str(whole).split(" to ")
    chosen = ",".join(symbol for symbol in symbols if symbol in named)
    return f"nexthour repair --from {begin} --until {end} --symbols {chosen}"
