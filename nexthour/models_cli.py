"""The commands `nexthour models …`; their work is in `models_command`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Annotated

import typer

from nexthour.run_environment import environment_of_run

_RUN = typer.Option(
    "--run", help="A local run that is up: demo, replay or live; unset: the environment's."
)
_VERSION = typer.Argument(metavar="VERSION", help="As `nexthour models list` prints it.")


def models_app(
    told_in_one_line: Callable[[], AbstractContextManager[None]], var_dir: Callable[[], Path]
) -> typer.Typer:
    """Return the group of commands.

    Args:
        told_in_one_line: turns what a person can mend into one line and exit code 2.
        var_dir: where the runs of this checkout are.
    """
    app = typer.Typer(
        no_args_is_help=True, help="The model registry: list, show, promote, rollback."
    )

    @app.command("list")
    def list_(run: Annotated[str | None, _RUN] = None) -> None:
        """List the versions, newest first, and what serves."""
        from nexthour.models_command import list_models

        with told_in_one_line(), environment_of_run(run, var_dir()):
            list_models()

    @app.command()
    def show(version: Annotated[str, _VERSION], run: Annotated[str | None, _RUN] = None) -> None:
        """Print a version's card and what the gate says of it."""
        from nexthour.models_command import show_model

        with told_in_one_line(), environment_of_run(run, var_dir()):
            show_model(version)

    @app.command()
    def promote(
        version: Annotated[str, _VERSION],
        force: Annotated[
            bool, typer.Option("--force", help="Even if the gate refuses it.")
        ] = False,
        run: Annotated[str | None, _RUN] = None,
    ) -> None:
        """Let a version serve; the running query swaps it without a restart."""
        from nexthour.models_command import promote_model

        with told_in_one_line(), environment_of_run(run, var_dir()):
            promote_model(version, force=force)

    @app.command()
    def rollback(run: Annotated[str | None, _RUN] = None) -> None:
        """Let the version that served before serve again."""
        from nexthour.models_command import roll_back_model

        with told_in_one_line(), environment_of_run(run, var_dir()):
            roll_back_model()

    return app
