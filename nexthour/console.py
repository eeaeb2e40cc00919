"""What all commands share: one line for what a person can mend, exit codes, where runs are."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import typer
from pydantic import ValidationError

from conf.settings import RunSettings
from local.errors import LocalError

EXIT_FAILED = 1
EXIT_BAD_START = 2

RUN_OPTION = typer.Option(
    "--run", help="A run of this checkout that is up: demo, replay or live. Else the environment."
)


def on_sigterm(_number: int, _frame: FrameType | None) -> None:
    """Let SIGTERM end a command as Ctrl-C does."""
    raise KeyboardInterrupt


def fail(message: str, code: int = EXIT_BAD_START) -> typer.Exit:
    """Say one line on stderr and return what ends the command."""
    typer.echo(f"nexthour: {message}", err=True)
    return typer.Exit(code)


@contextmanager
def told_in_one_line() -> Iterator[None]:
    """Turn what a person can mend into one line and the exit code of a bad start."""
    try:
        yield
    except LocalError as error:
        raise fail(str(error)) from error
    except ValidationError as error:
        raise fail(_first_problem(error)) from error


def var_dir() -> Path:
    """Return the folder of this checkout's runs."""
    return RunSettings().var_dir.resolve()


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{error.title}: {where}: {problem['msg']} (got {problem.get('input')!r})"
