"""`nexthour`: one command line for people; each command's work is in a module of its own."""

from __future__ import annotations

import logging
import signal
import sys
import time
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
    try:
        green = run_demo(check=check, history=history, started=started)
    except LocalError as error:
        raise _fail(str(error)) from error
    except ValidationError as error:
        raise _fail(_first_problem(error)) from error
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
    try:
        green = run_replay(file, speed)
    except LocalError as error:
        raise _fail(str(error)) from error
    except ValidationError as error:
        raise _fail(_first_problem(error)) from error
    if not green:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def live() -> None:
    """Run the same system on the real exchange's addresses until Ctrl-C."""
    from nexthour.live import run_live

    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        run_live()
    except LocalError as error:
        raise _fail(str(error)) from error
    except ValidationError as error:
        raise _fail(_first_problem(error)) from error


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
