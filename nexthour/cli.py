"""`nexthour`: one command line for people; each command's work is in a module of its own."""

from __future__ import annotations

import logging
import signal
import sys
import time
from pathlib import Path
from typing import Annotated

import psutil
import structlog
import typer

from nexthour.cli_candles import app as candles_app
from nexthour.cli_models import app as models_app
from nexthour.console import EXIT_FAILED, RUN_OPTION, fail, on_sigterm, told_in_one_line, var_dir
from nexthour.running import running_systems, stop_system, tail

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Exact hourly candles and honestly scored next-hour forecasts from live trades.",
)


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
    signal.signal(signal.SIGTERM, on_sigterm)
    with told_in_one_line():
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

    signal.signal(signal.SIGTERM, on_sigterm)
    with told_in_one_line():
        green = run_replay(file, speed)
    if not green:
        raise typer.Exit(EXIT_FAILED)


@app.command()
def live() -> None:
    """Run the same system on the real exchange's addresses until Ctrl-C."""
    from nexthour.live import run_live

    signal.signal(signal.SIGTERM, on_sigterm)
    with told_in_one_line():
        run_live()


@app.command()
def api(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0 takes a free one.")] = None,
    run: Annotated[str | None, RUN_OPTION] = None,
) -> None:
    """Serve candles, forecasts and scores over HTTP until Ctrl-C (docs/api.md); read only.

    Exit codes: 0 stopped, 2 could not start.
    """
    from nexthour.api_command import run_api
    from nexthour.run_environment import environment_of_run

    with told_in_one_line(), environment_of_run(run, var_dir()):
        run_api(host, port)


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
    for system in running_systems(var_dir()):
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
        for line in tail(var_dir() / run, part, lines):
            typer.echo(line)
    except FileNotFoundError as error:
        raise fail(str(error), EXIT_FAILED) from error


@app.command()
def down(
    quiet: Annotated[bool, typer.Option("--quiet", help="Say nothing if nothing runs.")] = False,
) -> None:
    """Stop every run of this checkout."""
    stopped = 0
    for system in running_systems(var_dir()):
        if not stop_system(system):
            message = f"{system.run_dir.name} (pid {system.owner.pid}) did not stop in time"
            raise fail(message, EXIT_FAILED)
        typer.echo(f"stopped {system.run_dir.name}")
        stopped += 1
    if not stopped and not quiet:
        typer.echo("nothing runs")


app.add_typer(candles_app)
app.add_typer(models_app)


def main() -> None:
    """Run the command line; what the parts log in this process would tear its progress apart."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    sys.exit(app())
