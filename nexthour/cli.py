"""`nexthour`: one command line for people; each command's work is in a module of its own."""

from __future__ import annotations

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from pydantic import ValidationError

from local.errors import LocalError

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


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{error.title}: {where}: {problem['msg']} (got {problem.get('input')!r})"


def main() -> None:
    """Run the command line."""
    sys.exit(app())
