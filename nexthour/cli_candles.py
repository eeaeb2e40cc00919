"""The commands for candles: history in, stores compared, hours rebuilt."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from nexthour.console import EXIT_FAILED, RUN_OPTION, fail, on_sigterm, told_in_one_line, var_dir

app = typer.Typer()

_FROM_OPTION = typer.Option(
    "--from", metavar="TIME", help="First hour, ISO with its zone: 2026-01-01T00:00Z."
)
_UNTIL_OPTION = typer.Option("--until", metavar="TIME", help="End of the range, exclusive.")
_SYMBOLS_OPTION = typer.Option(
    "--symbols", metavar="LIST", help="Comma separated; the run's own if not given."
)


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
        raise fail(message)
    signal.signal(signal.SIGTERM, on_sigterm)
    with told_in_one_line():
        try:
            options = Options(
                kinds[0], from_folder, dumps_url, symbols, first=first, last=last, again=again
            )
            is_whole = run_backfill(options)
        except KeyboardInterrupt as error:
            message = "stopped; what is loaded stays, start again to go on"
            raise fail(message) from error
    if not is_whole:
        raise typer.Exit(EXIT_FAILED)


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
    run: Annotated[str | None, RUN_OPTION] = None,
) -> None:
    """Compare the candles of all stores with each other and with the exchange, digit for digit.

    Works while everything runs. Without --from: the last 24 closed hours. The result is kept in
    the tables reconcile_run, reconcile_result and reconcile_difference.

    Exit codes: 0 green, 1 red, 2 could not run.
    """
    from nexthour.reconcile_command import run_reconcile
    from nexthour.run_environment import environment_of_run

    with told_in_one_line(), environment_of_run(run, var_dir()):
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
    run: Annotated[str | None, RUN_OPTION] = None,
) -> None:
    """Rebuild hours from the archive and the exchange; what changed is published as a revision.

    May be repeated at any time: an hour that is right already gets no revision. An hour of which
    ids cannot be had stays disputed and says so. Forecasts that were made keep what they saw.

    Exit codes: 0 every hour is complete or quiet, 1 some hour is not, 2 could not run.
    """
    from nexthour.repair_command import RepairChoice, run_repair
    from nexthour.run_environment import environment_of_run

    choice = RepairChoice(symbol, hour, from_time, until_time, symbols, disputed, wanted)
    with told_in_one_line(), environment_of_run(run, var_dir()):
        settled = run_repair(choice)
    if not settled:
        raise typer.Exit(EXIT_FAILED)
