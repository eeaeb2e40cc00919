"""One comparison of the stores with each other and with the exchange, while everything runs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

from conf.connections.postgres import connect, fetch
from conf.names import HOUR_MS, epoch_ms
from producers.listing import check_symbols, refuse_unknown
from producers.rest_client import RestClient
from streaming.candles.revisions import OWN_SOURCES
from streaming.context import PipelineContext
from streaming.errors import StartError
from streaming.reconcile.exchange import rest_settings
from streaming.reconcile.outcome import Outcome
from streaming.reconcile.parts import EXCHANGE, STORES, OnPart, PartedComparison
from streaming.reconcile.ranges import HourRange, closed_until_ms
from streaming.reconcile.record import record

DEFAULT_HOURS = 24


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
    """Compare, look again at what differs, and store the result; memory is that of some weeks.

    Without a range: the last 24 closed hours, but none before the first candle of the run.

    Args:
        context: where everything is.
        request: what to compare.
        on_part: told each store, of a long range of each part of it, as soon as it is read.

    Raises:
        StartError: if there is nothing to compare, or the range cannot be.
        ProducerError: if the exchange does not answer or does not know a symbol.
        psycopg2.Error, OSError, KafkaException, TimeoutError: if a store is away.
    """
    started_at = datetime.now(UTC)
    async with AsyncExitStack() as opened:
        rest = None
        if request.with_exchange:
            url = context.exchange.rest_url
            rest = await opened.enter_async_context(RestClient(url, rest_settings()))
            refuse_unknown(await check_symbols(rest, request.symbols, url), url)
            closed_ms = closed_until_ms(await rest.server_time_ms(), context.run.speed)
        else:
            closed_ms = _newest_end_ms(context)
        hours = _range(context, request, closed_ms)
        comparison = PartedComparison(context, request.symbols, request.stores, hours, rest)
        opened.callback(comparison.close)
        outcome = await comparison.compare(request.second_look_s, on_part)
    compared = (*request.stores, *([EXCHANGE] if request.with_exchange else []))
    with closing(connect(context.postgres, context.namespace)) as connection:
        run_id = record(connection, outcome, hours, compared, started_at)
    return Report(run_id, hours, compared, outcome)


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
    ((found,),) = fetch(
        context.postgres,
        context.namespace,
        f"SELECT {which}(open_time) FROM candle WHERE interval = '1h' "  # noqa: S608 - own
        "AND status = 'final' AND source = ANY(%s) AND symbol = ANY(%s)",
        (list(OWN_SOURCES), list(symbols)),
    )
    return None if found is None else epoch_ms(found)


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
    outcome = report.outcome
    if outcome.is_green:
        return None
    whole = HourRange(min(outcome.differing), max(outcome.differing) + HOUR_MS)
    named = {symbol for (symbol, _), tally in outcome.tallies.items() if not tally.is_green}
    begin, end = str(whole).split(" to ")
    chosen = ",".join(symbol for symbol in symbols if symbol in named)
    return f"nexthour repair --from {begin} --until {end} --symbols {chosen}"
