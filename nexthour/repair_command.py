"""`nexthour repair`: hours rebuilt from the archive and the exchange, as their next revision."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import psycopg2
import requests
from confluent_kafka import KafkaException
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from local.errors import LocalError
from nexthour.times import parse_symbols, parse_time
from producers.errors import ProducerError
from streaming.candles.revisions import HourKey
from streaming.context import PipelineContext
from streaming.errors import StreamingError
from streaming.failures import first_line
from streaming.reconcile.ranges import HourRange, time_text
from streaming.repair.job import Repaired, disputed_hours, request, work_off

REASON = "asked for by nexthour repair"
MOST_HOURS = 100_000
"""A bound against a mistyped year; each hour costs several requests to the exchange."""


@dataclass(frozen=True, slots=True)
class RepairChoice:
    """What the command line asks for, as it was typed."""

    symbol: str | None = None
    hour: str | None = None
    from_time: str | None = None
    until_time: str | None = None
    symbols: str | None = None
    disputed: bool = False
    wanted: bool = False


def run_repair(choice: RepairChoice, console: Console | None = None) -> bool:
    """Repair what was chosen and say what became of it; return whether every hour is settled.

    Raises:
        LocalError: one line, if nothing could be done.
        pydantic.ValidationError: if the environment's settings are wrong.
    """
    context = PipelineContext.from_environment()
    console = console or Console(highlight=False)
    try:
        hours = _chosen(context, choice)
        if hours is not None:
            request(context, hours, REASON)
        done = _work_off(context, hours, console)
    except (StreamingError, ProducerError) as error:
        raise LocalError(str(error)) from error
    except psycopg2.Error as error:
        raise LocalError(_away("Postgres", "NEXTHOUR_POSTGRES_URL", error)) from error
    except KafkaException as error:
        raise LocalError(_away("Kafka", "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS", error)) from error
    except (requests.RequestException, OSError) as error:
        raise LocalError(_away("HDFS", "NEXTHOUR_HDFS_HTTP_URL", error)) from error
    counts = {
        state: sum(hour.state == state for hour in done)
        for state in ("done", "unchanged", "failed", "wanted")
    }
    if not done:
        console.print(" nothing is wanted")
    else:
        console.print(" " + ", ".join(f"{n} {state}" for state, n in counts.items() if n))
    return all(hour.is_settled for hour in done)


def _away(store: str, variable: str, error: Exception) -> str:
    return (
        f"{store} is away ({first_line(error)}): is it up, and is {variable} right? "
        "What was asked for stays wanted: nexthour repair --wanted"
    )


def _chosen(context: PipelineContext, choice: RepairChoice) -> list[HourKey] | None:
    """Return the hours that were chosen, None for all that are wanted already."""
    is_range = choice.from_time is not None or choice.until_time is not None
    is_one = choice.symbol is not None or choice.hour is not None
    if sum((choice.wanted, is_one, is_range or choice.disputed)) != 1:
        message = (
            "choose one: --symbol and --hour, --from and --until, --disputed, or --wanted "
            "(see nexthour repair --help)"
        )
        raise LocalError(message)
    if choice.wanted:
        return None
    if is_one:
        if choice.symbol is None or choice.hour is None:
            message = "--symbol and --hour go together: --symbol BTCUSDT --hour 2026-01-01T00:00Z"
            raise LocalError(message)
        return [(choice.symbol.strip().upper(), parse_time(choice.hour, "--hour"))]
    hours = _range(choice) if is_range else None
    symbols = parse_symbols(choice.symbols, context.run.symbols)
    if choice.disputed:
        return disputed_hours(context, hours, symbols)
    assert hours is not None
    if len(hours) * len(symbols) > MOST_HOURS:
        message = f"{len(hours) * len(symbols)} hours are more than {MOST_HOURS}: narrow the range"
        raise LocalError(message)
    return [(symbol, open_ms) for open_ms in hours for symbol in symbols]


def _range(choice: RepairChoice) -> HourRange:
    if choice.from_time is None or choice.until_time is None:
        message = "--from and --until go together; --until is exclusive"
        raise LocalError(message)
    try:
        return HourRange(
            parse_time(choice.from_time, "--from"), parse_time(choice.until_time, "--until")
        )
    except ValueError as error:
        raise LocalError(str(error)) from error


def _work_off(
    context: PipelineContext, hours: list[HourKey] | None, console: Console
) -> list[Repaired]:
    columns = (TextColumn(" repair"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("repair", total=None)

        def on_hour(hour: Repaired) -> None:
            progress.console.print(_line(hour), soft_wrap=True)
            progress.advance(task)

        return asyncio.run(
            work_off(
                context, hours, on_hour, lambda count: progress.update(task, total=count or None)
            )
        )


def _line(hour: Repaired) -> str:
    colour = "green" if hour.is_settled else "yellow" if hour.state != "failed" else "red"
    revision = "" if hour.revision is None else f" r{hour.revision}"
    return (
        f" [{colour}]{hour.state:<9}[/{colour}] {hour.symbol} {time_text(hour.open_time_ms)}"
        f"{revision}  {escape(hour.detail)}"
    )
