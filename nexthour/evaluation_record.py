"""`nexthour evaluate --record`: the finished evaluation in the Postgres of a run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import psycopg2
from rich.console import Console

from conf.connections.postgres import connect, migrate
from conf.names import Namespace
from conf.settings import PostgresSettings, RunSettings
from local.errors import LocalError
from model.evaluation.record import Choices, make_record
from model.evaluation.record_store import write_record
from nexthour.run_environment import environment_of_run

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Recorder:
    """Where an evaluation is recorded, and how much of it.

    Attributes:
        postgres: the server.
        namespace: whose tables.
        days: how many last days of the shown model's forecasts are kept.
    """

    postgres: PostgresSettings
    namespace: Namespace
    days: int

    @classmethod
    def of_run(cls, run: str | None, days: int, var_dir: Path) -> Recorder:
        """Return the recorder of a local run that is up, or of the environment.

        Raises:
            LocalError: if that run is not up.
        """
        with environment_of_run(run, var_dir):
            return cls(PostgresSettings(), Namespace(RunSettings().namespace), days)

    def get_ready(self) -> None:
        """Bring the tables to the newest version: before hours of work, not after them.

        Raises:
            LocalError: one line, if Postgres is away or refuses.
        """
        with _told("nothing was begun"):
            migrate(self.postgres, self.namespace)

    def record(
        self, choices: Choices, predictions: pd.DataFrame, out: Path, console: Console
    ) -> None:
        """Write what the report in a folder says, and say so.

        Args:
            choices: what the evaluation was asked for.
            predictions: rows of `predictions.parquet`.
            out: the folder with `report.json`.
            console: to speak to.

        Raises:
            LocalError: one line, if Postgres is away or refuses.
        """
        from model.publication import current_commit  # with all that a publication needs

        report = orjson.loads((out / "report.json").read_bytes())
        record = make_record(
            choices, report, predictions, self.days, current_commit(), datetime.now(UTC)
        )
        hint = f"the report is in {out}; the same command goes on there"
        with _told(hint), closing(connect(self.postgres, self.namespace)) as connection:
            is_new = write_record(connection, record)
        console.print(
            f" {'recorded' if is_new else 'was recorded before'} as {record.digest[:12]} with "
            f"{len(record.predictions)} forecasts of {record.run['shown_model']}",
            soft_wrap=True,
        )


@contextmanager
def _told(hint: str) -> Iterator[None]:
    try:
        yield
    except psycopg2.Error as error:
        reason = (str(error).strip() or "no reason given").splitlines()[0]
        message = f"--record: Postgres does not answer or refuses ({reason}): set NEXTHOUR_POSTGRES_URL, or name a local run with --run; {hint}"
        raise LocalError(message) from error
