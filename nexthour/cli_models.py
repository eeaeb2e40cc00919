"""The commands for models: evaluated, trained, and what of the registry serves."""

from __future__ import annotations

import signal
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from nexthour.console import RUN_OPTION, fail, on_sigterm, told_in_one_line, var_dir
from nexthour.run_environment import environment_of_run

app = typer.Typer()

RECORDED_DAYS, MOST_RECORDED_DAYS = 30, 366
"""A month of ten coins is 7,200 rows; a year of them is more than a page can draw."""

_VERSION = typer.Argument(metavar="VERSION", help="As `nexthour models list` prints it.")


@app.command()
def evaluate(
    candles: Annotated[
        Path, typer.Option("--candles", metavar="DIR", help="Folder of SYMBOL-1h.parquet files.")
    ],
    test_from: Annotated[
        str, typer.Option(metavar="TIME", help="First hour to forecast from; the first fit.")
    ],
    test_until: Annotated[
        str, typer.Option(metavar="TIME", help="Last hour to forecast from, inclusive.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where results go.")],
    train_until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Last hour the first fit may see: 2024-06-30T23:00Z."),
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(
            metavar="DAYS",
            help="The long projection instead of the next hour, up to 180d; only --candles, "
            "--test-from, --test-until and --out count then.",
        ),
    ] = None,
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
    record: Annotated[
        bool, typer.Option("--record", help="Write league table and newest forecasts to Postgres.")
    ] = False,
    record_days: Annotated[
        int,
        typer.Option(
            metavar="N",
            min=1,
            max=MOST_RECORDED_DAYS,
            help="Last days of forecasts that --record keeps, of the champion or the best model.",
        ),
    ] = RECORDED_DAYS,
    run: Annotated[str | None, RUN_OPTION] = None,
) -> None:
    """Fit models walking forward and score them on the hours that followed (docs/evaluation.md).

    Interrupted, the same command goes on where it was. --run and --record-days count with --record
    only. Exit codes: 0 written, 2 could not.
    """
    from nexthour.evaluate_command import EvaluateChoice, run_evaluate
    from nexthour.evaluation_record import Recorder

    choice = EvaluateChoice(
        candles,
        train_until,
        test_from,
        test_until,
        out,
        models,
        refit_every,
        seeds,
        workers,
        horizon,
        cache,
    )
    signal.signal(signal.SIGTERM, on_sigterm)
    with told_in_one_line():
        if record:
            choice = replace(choice, recorder=Recorder.of_run(run, record_days, var_dir()))
        try:
            run_evaluate(choice)
        except KeyboardInterrupt as error:
            message = "stopped; start again, fits that are done are kept"
            raise fail(message) from error


@app.command()
def train(
    candles: Annotated[
        Path,
        typer.Option(
            "--candles",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Folder of SYMBOL-1h.parquet files.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where windows, version and curves go.")
    ],
    workers: Annotated[
        int,
        typer.Option(min=1, help="Spark tasks that train each network together; 1: this process."),
    ] = 1,
    publish: Annotated[
        bool, typer.Option("--publish", help="Publish the version in the registry, not promoted.")
    ] = False,
    run: Annotated[str | None, RUN_OPTION] = None,
) -> None:
    """Fit the champion's members on a folder of candles (NEXTHOUR_MODEL_…, NEXTHOUR_CHAMPION_…).

    Writes the version's files with its card, training curves as PNG and for TensorBoard.
    Exit codes: 0 written, 2 could not.
    """
    from nexthour.train_command import TrainChoice, run_train

    signal.signal(signal.SIGTERM, on_sigterm)
    with told_in_one_line(), environment_of_run(run, var_dir()):
        try:
            run_train(TrainChoice(candles, out, workers, publish))
        except KeyboardInterrupt as error:
            message = "stopped: nothing was published"
            raise fail(message) from error


registry = typer.Typer(
    no_args_is_help=True, help="The model registry: list, show, promote, rollback."
)


@registry.command("list")
def list_(run: Annotated[str | None, RUN_OPTION] = None) -> None:
    """List the versions, newest first, and what serves."""
    from nexthour.models_command import list_models

    with told_in_one_line(), environment_of_run(run, var_dir()):
        list_models()


@registry.command()
def show(version: Annotated[str, _VERSION], run: Annotated[str | None, RUN_OPTION] = None) -> None:
    """Print a version's card and what the gate says of it."""
    from nexthour.models_command import show_model

    with told_in_one_line(), environment_of_run(run, var_dir()):
        show_model(version)


@registry.command()
def promote(
    version: Annotated[str, _VERSION],
    force: Annotated[bool, typer.Option("--force", help="Even if the gate refuses it.")] = False,
    run: Annotated[str | None, RUN_OPTION] = None,
) -> None:
    """Let a version serve; the running query swaps it without a restart."""
    from nexthour.models_command import promote_model

    with told_in_one_line(), environment_of_run(run, var_dir()):
        promote_model(version, force=force)


@registry.command()
def rollback(run: Annotated[str | None, RUN_OPTION] = None) -> None:
    """Let the version that served before serve again."""
    from nexthour.models_command import roll_back_model

    with told_in_one_line(), environment_of_run(run, var_dir()):
        roll_back_model()


app.add_typer(registry, name="models")
