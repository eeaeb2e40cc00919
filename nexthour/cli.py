"""`nexthour`: one command line for people; each command's work is in a module of its own."""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated

import psutil
import structlog
import typer
from pydantic import ValidationError

from conf.settings import RunSettings
from local.errors import LocalError
from nexthour.running import running_systems, stop_system, tail

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Exact hourly candles and honestly scored next-hour forecasts from live trades.",
)

EXIT_FAILED = 1
EXIT_BAD_START = 2


def _on_sigterm(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _fail(message: str, code: int = EXIT_BAD_START) -> typer.Exit:
    typer.echo(f"nexthour: {message}", err=True)
    return typer.Exit(code)


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """Turn what a person can mend into one line and the exit code of a bad start."""
    try:
        yield
    except LocalError as error:
        raise _fail(str(error)) from error
    except ValidationError as error:
        raise _fail(_first_problem(error)) from error


@app.command()
def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Stop after some closed hours and prove them.")
    ] = False,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history",
            exists=True,
            file_okay=False,
            help="Folder of SYMBOL-1h.parquet files: real hourly candles as the exchange's past.",
        ),
    ] = None,
) -> None:
    """Run the whole system on the stand-in exchange until Ctrl-C.

    Exit codes: 0 stopped or green, 1 red check, 2 could not start or run on.
    """
    from nexthour.demo_command import run_demo

    started = time.monotonic()
    signal.signal(signal.SIGTERM, _on_sigterm)
    with _told_in_one_line():
        green = run_demo(check=check, history=history, started=started)
    if not green:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def replay(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, help="Combined-stream messages, one a line."),
    ],
    speed: Annotated[float, typer.Option(min=1, help="Exchange seconds per wall second.")] = 60.0,
) -> None:
    """Send a capture through exchange, producer, Kafka and Spark; write var/replay/.

    Exit codes: 0 everything accounted for, 1 not, 2 could not start.
    """
    from nexthour.replay import run_replay

    signal.signal(signal.SIGTERM, _on_sigterm)
    with _told_in_one_line():
        green = run_replay(file, speed)
    if not green:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def live() -> None:
    """Run the same system on the real exchange's addresses until Ctrl-C."""
    from nexthour.live import run_live

    signal.signal(signal.SIGTERM, _on_sigterm)
    with _told_in_one_line():
        run_live()


@app.command()
def backfill(
    from_rest: Annotated[
        bool, typer.Option("--from-rest", help="From the exchange's REST klines.")
    ] = False,
    from_dumps: Annotated[
        bool, typer.Option("--from-dumps", help="From the exchange's public dumps, checksummed.")
    ] = False,
    from_folder: Annotated[
        Path | None,
        typer.Option("--from-folder", help="From a folder of SYMBOL-1h.parquet files."),
    ] = None,
    dumps_url: Annotated[
        str | None, typer.Option("--dumps-url", help="Another host of the dumps, or a mirror.")
    ] = None,
    symbols: Annotated[
        str | None,
        typer.Option("--symbols", help="Comma separated; unset: the run's, or all of the folder."),
    ] = None,
    first: Annotated[
        str | None, typer.Option("--from", help="First year, month or day: 2017-08.")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--until", help="Last year, month or day; unset: now.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Load what was loaded before, too.")
    ] = False,
) -> None:
    """Bring years of hourly candles into the stores; killed or cut off, it goes on where it was.

    Exit codes: 0 all loaded, 1 some parts refused or nothing found, 2 could not start or go on.
    """
    from nexthour.backfill_command import Options, run_backfill

    asked = {"rest": from_rest, "dumps": from_dumps, "folder": from_folder is not None}
    kinds = [kind for kind, is_asked in asked.items() if is_asked]
    if len(kinds) != 1:
        message = "choose one of --from-rest, --from-dumps and --from-folder DIR"
        raise _fail(message)
    signal.signal(signal.SIGTERM, _on_sigterm)
    with _told_in_one_line():
        try:
            options = Options(
                kinds[0], from_folder, dumps_url, symbols, first=first, last=last, again=again
            )
            is_whole = run_backfill(options)
        except KeyboardInterrupt as error:
            message = "stopped; what is loaded stays, start again to go on"
            raise _fail(message) from error
    if not is_whole:
        raise typer.Exit(EXIT_FAILED)


_RUN_OPTION = typer.Option(
    "--run", help="A run of this checkout that is up: demo, replay or live. Else the environment."
)
_FROM_OPTION = typer.Option(
    "--from", metavar="TIME", help="First hour, ISO with its zone: 2026-01-01T00:00Z."
)
_UNTIL_OPTION = typer.Option("--until", metavar="TIME", help="End of the range, exclusive.")
_SYMBOLS_OPTION = typer.Option(
    "--symbols", metavar="LIST", help="Comma separated; the run's own if not given."
)


@app.command()
def reconcile(
    from_time: Annotated[str | None, _FROM_OPTION] = None,
    until_time: Annotated[str | None, _UNTIL_OPTION] = None,
    symbols: Annotated[str | None, _SYMBOLS_OPTION] = None,
    stores: Annotated[
        str, typer.Option(metavar="LIST", help="Which of topic, parquet, postgres.")
    ] = "topic,parquet,postgres",
    exchange: Annotated[
        bool, typer.Option("--exchange/--no-exchange", help="Ask the exchange's klines, too.")
    ] = True,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the result there, too.")
    ] = None,
    run: Annotated[str | None, _RUN_OPTION] = None,
) -> None:
    """Compare the candles of all stores with each other and with the exchange, digit for digit.

    Works while everything runs. Without --from: the last 24 closed hours. The result is kept in
    the tables reconcile_run, reconcile_result and reconcile_difference.

    Exit codes: 0 green, 1 red, 2 could not run.
    """
    from nexthour.reconcile_command import run_reconcile
    from nexthour.run_environment import environment_of_run

    with _told_in_one_line(), environment_of_run(run, _var_dir()):
        green = run_reconcile(
            from_time=from_time,
            until_time=until_time,
            symbols=symbols,
            stores=stores,
            with_exchange=exchange,
            json_file=json_file,
        )
    if not green:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def repair(
    symbol: Annotated[str | None, typer.Option(help="One hour: of this symbol.")] = None,
    hour: Annotated[
        str | None, typer.Option(metavar="TIME", help="One hour: 2026-01-01T00:00Z.")
    ] = None,
    from_time: Annotated[str | None, _FROM_OPTION] = None,
    until_time: Annotated[str | None, _UNTIL_OPTION] = None,
    symbols: Annotated[str | None, _SYMBOLS_OPTION] = None,
    disputed: Annotated[
        bool, typer.Option("--disputed", help="All disputed hours, of the range if one is given.")
    ] = False,
    wanted: Annotated[
        bool, typer.Option("--wanted", help="What the table repair asks for (late trades, …).")
    ] = False,
    run: Annotated[str | None, _RUN_OPTION] = None,
) -> None:
    """Rebuild hours from the archive and the exchange; what changed is published as a revision.

    May be repeated at any time: an hour that is right already gets no revision. An hour of which
    ids cannot be had stays disputed and says so. Forecasts that were made keep what they saw.

    Exit codes: 0 every hour is complete or quiet, 1 some hour is not, 2 could not run.
    """
    from nexthour.repair_command import RepairChoice, run_repair
    from nexthour.run_environment import environment_of_run

    choice = RepairChoice(symbol, hour, from_time, until_time, symbols, disputed, wanted)
    with _told_in_one_line(), environment_of_run(run, _var_dir()):
        settled = run_repair(choice)
    if not settled:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def evaluate(
    candles: Annotated[
        Path, typer.Option("--candles", metavar="DIR", help="Folder of SYMBOL-1h.parquet files.")
    ],
    train_until: Annotated[
        str,
        typer.Option(metavar="TIME", help="Last hour the first fit may see: 2024-06-30T23:00Z."),
    ],
    test_from: Annotated[
        str, typer.Option(metavar="TIME", help="First hour to forecast from; the first fit.")
    ],
    test_until: Annotated[
        str, typer.Option(metavar="TIME", help="Last hour to forecast from, inclusive.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results go.")],
    models: Annotated[
        str,
        typer.Option(
            metavar="LIST",
            help="Comma separated, or all; naive is always there. champion: what is served, "
            "made of the models in NEXTHOUR_CHAMPION_MEMBERS.",
        ),
    ] = "naive,rule,lstm,champion",
    refit_every: Annotated[
        str, typer.Option(metavar="TIME", help="Between fits, in days or hours: 60d.")
    ] = "60d",
    seeds: Annotated[
        int, typer.Option(metavar="N", help="Fits of each model that has a seed; averaged.")
    ] = 3,
    workers: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Spark tasks at once, one thread each; unset: one per core. 1: this process alone.",
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Where features and finished fits are kept; unset: OUT/cache. With Spark on a "
            "cluster, a folder that all machines see.",
        ),
    ] = None,
) -> None:
    """Fit models walking forward and score them on the hours that followed (docs/evaluation.md).

    Interrupted, the same command goes on where it was. Exit codes: 0 written, 2 could not.
    """
    from nexthour.evaluate_command import EvaluateChoice, run_evaluate

    choice = EvaluateChoice(
        candles, train_until, test_from, test_until, out, models, refit_every, seeds, workers, cache
    )
    signal.signal(signal.SIGTERM, _on_sigterm)
    with _told_in_one_line():
        try:
            run_evaluate(choice)
        except KeyboardInterrupt as error:
            message = "stopped; what is fitted is kept, start again to go on"
            raise _fail(message) from error


@app.command()
def doctor() -> None:
    """Check Java, Python, ports, disk and memory, and say what to do."""
    from nexthour.doctor import run_doctor

    if not run_doctor():
        raise typer.Exit(EXIT_FAILED)


@app.command()
def status() -> None:
    """Show what of this checkout runs now."""
    found = False
    for system in running_systems(_var_dir()):
        found = True
        typer.echo(f"{system.run_dir.name}: owner pid {system.owner.pid}")
        for name, address in system.addresses.items():
            typer.echo(f"  {name:<12} {address}")
        for name, pid in system.processes.items():
            state = "running" if psutil.pid_exists(pid) else "ended"
            typer.echo(f"  {name:<12} pid {pid} {state}")
    if not found:
        typer.echo("nothing runs")


@app.command()
def logs(
    part: Annotated[str, typer.Argument(help="kafka, namenode, spark, producer, …")],
    run: Annotated[str, typer.Option(help="Which run: demo, replay or live.")] = "demo",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1)] = 50,
) -> None:
    """Print the end of a part's log."""
    try:
        for line in tail(_var_dir() / run, part, lines):
            typer.echo(line)
    except FileNotFoundError as error:
        raise _fail(str(error), EXIT_FAILED) from error


@app.command()
def down(
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing if nothing runs.")] = False,
) -> None:
    """Stop every run of this checkout."""
    stopped = 0
    for system in running_systems(_var_dir()):
        if not stop_system(system):
            message = f"{system.run_dir.name} (pid {system.owner.pid}) did not stop in time"
            raise _fail(message, EXIT_FAILED)
        typer.echo(f"stopped {system.run_dir.name}")
        stopped += 1
    if not stopped and not quiet:
        typer.echo("nothing runs")


def _var_dir() -> Path:
    return RunSettings().var_dir.resolve()


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{error.title}: {where}: {problem['msg']} (got {problem.get('input')!r})"


def main() -> None:
    """Run the command line; what the parts log in this process would tear its progress apart."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sys.exit(app())
