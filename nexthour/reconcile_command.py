"""`nexthour reconcile`: the stores against each other and the exchange, as a green or red table."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import orjson
import psycopg2
import requests
from confluent_kafka import KafkaException
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from local.errors import LocalError
from nexthour.progress import Steps
from nexthour.times import parse_symbols, parse_time
from producers.errors import ProducerError
from streaming.context import PipelineContext
from streaming.errors import StreamingError
from streaming.failures import first_line
from streaming.reconcile.job import Report, Request, parse_stores, reconcile, repair_hint
from streaming.reconcile.outcome import MOST_LISTED, Finding, Tally
from streaming.reconcile.parts import EXCHANGE
from streaming.reconcile.ranges import time_text

SHOWN = 20


def run_reconcile(
    *,
    from_time: str | None,
    until_time: str | None,
    symbols: str | None,
    stores: str,
    with_exchange: bool,
    json_file: Path | None,
    console: Console | None = None,
) -> bool:
    """Compare, print and store the result; return whether it is green.

    Raises:
        LocalError: one line, if the comparison could not be made.
        pydantic.ValidationError: if the environment's settings are wrong.
    """
    context = PipelineContext.from_environment()
    steps = Steps(console)
    try:
        request = Request(
            symbols=parse_symbols(symbols, context.run.symbols),
            stores=parse_stores(stores),
            with_exchange=with_exchange,
            from_ms=None if from_time is None else parse_time(from_time, "--from"),
            until_ms=None if until_time is None else parse_time(until_time, "--until"),
        )
        begun = [0.0]

        def on_part(part: str) -> None:
            steps.done(f"read {part}", steps.elapsed_s - begun[0])
            begun[0] = steps.elapsed_s

        report = asyncio.run(reconcile(context, request, on_part))
    except (StreamingError, ProducerError) as error:
        raise LocalError(str(error)) from error
    except psycopg2.Error as error:
        raise LocalError(_away("Postgres", "NEXTHOUR_POSTGRES_URL", error)) from error
    except (KafkaException, TimeoutError) as error:
        raise LocalError(_away("Kafka", "NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS", error)) from error
    except (requests.RequestException, OSError) as error:
        raise LocalError(_away("HDFS", "NEXTHOUR_HDFS_HTTP_URL", error)) from error
    _show(report, request, steps)
    if json_file is not None:
        _write_json(report, json_file)
    return report.outcome.is_green


def _away(store: str, variable: str, error: Exception) -> str:
    return f"{store} cannot be read ({first_line(error)}); is it up, and is {variable} right?"


def _show(report: Report, request: Request, steps: Steps) -> None:
    outcome = report.outcome
    against = (
        "with each other and the exchange" if EXCHANGE in report.compared else "with each other"
    )
    title = f"{report.hours}, {len(report.hours)} hours, stores {against}"
    table = Table(title=title, title_justify="left")
    table.add_column("symbol")
    table.add_column("store")
    for name in ("expected", "equal", "missing", "different", "surplus"):
        table.add_column(name, justify="right")
    table.add_column("")
    for (symbol, store), tally in outcome.tallies.items():
        mark = "[green]✓[/green]" if tally.is_green else "[red]✗[/red]"
        table.add_row(symbol, store, *(_count(*item) for item in asdict(tally).items()), mark)
    steps.console.print(table)
    for finding in outcome.findings[:SHOWN]:
        steps.say(f" [red]✗[/red] {escape(_line(finding))}")
    hidden = outcome.wrong - SHOWN
    if hidden > 0:
        listed = f"the first {MOST_LISTED} in" if outcome.wrong > MOST_LISTED else "in"
        steps.say(
            f"   … and {hidden} more, {listed} table reconcile_difference, run {report.run_id}"
        )
    for remark in outcome.remarks[:SHOWN]:
        when = time_text(remark.open_time_ms)
        steps.say(f" [yellow]![/yellow] {remark.symbol} {when} {escape(remark.text)}")
    hint = repair_hint(report, request.symbols)
    if hint is not None:
        steps.say(f"   to rebuild them all: [bold]{escape(hint)}[/bold]")
    word = "[green]green[/green]" if outcome.is_green else "[red]RED[/red]"
    total = _total(outcome.tallies.values())
    steps.say(
        f" {word}: {total.equal} of {total.expected} equal, {total.missing} missing, "
        f"{total.different} different, {total.surplus} surplus; reconcile_run {report.run_id}, "
        f"{steps.elapsed_s:.1f} s"
    )


def _total(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def _count(name: str, count: int) -> str:
    is_bad = count and name in ("missing", "different", "surplus")
    return f"[red]{count}[/red]" if is_bad else str(count)


def _line(finding: Finding) -> str:
    when = time_text(finding.open_time_ms)
    head = f"{finding.symbol} {when} {finding.store}: {finding.state}: {finding.text}"
    return f"{head}  → nexthour repair --symbol {finding.symbol} --hour {when}"


def _write_json(report: Report, path: Path) -> None:
    outcome = report.outcome
    fields = {
        "run_id": report.run_id,
        "from": time_text(report.hours.from_ms),
        "until": time_text(report.hours.until_ms),
        "compared": report.compared,
        "is_green": outcome.is_green,
        "results": [
            {"symbol": symbol, "store": store, **asdict(tally)}
            for (symbol, store), tally in outcome.tallies.items()
        ],
        "differences": [
            {**asdict(finding), "open_time": time_text(finding.open_time_ms)}
            for finding in outcome.findings
        ],
        "differences_left_out": outcome.wrong - len(outcome.findings),
        "remarks": [
            {**asdict(remark), "open_time": time_text(remark.open_time_ms)}
            for remark in outcome.remarks
        ],
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(orjson.dumps(fields, option=orjson.OPT_INDENT_2))
    except OSError as error:
        message = f"{path} cannot be written ({error.strerror}); choose another with --json"
        raise LocalError(message) from error
