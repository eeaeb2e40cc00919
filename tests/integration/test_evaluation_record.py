"""`nexthour evaluate --record` and a real Postgres: written whole, once, or one line that says why not."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import psycopg2
import pytest
from typer.testing import CliRunner

from conf.connections.postgres import READER_ROLE, connect, fetch
from conf.names import Namespace
from conf.settings import PostgresSettings
from model.evaluation.record import Record
from model.evaluation.record_store import write_record
from nexthour import evaluation_record
from nexthour.cli import app
from tests.support.own_postgres import postgres_server
from tests.support.walks import SYMBOLS, holed_panel, write_folder

pytestmark = pytest.mark.integration

OPTIONS = {
    "--models": "naive,rule,drift",
    "--refit-every": "7d",
    "--workers": "1",
    "--train-until": "2023-11-24T23:00Z",
    "--test-from": "2023-11-25T00:00Z",
    "--test-until": "2023-12-10T23:00Z",
}
TABLES = ("evaluation_run", "evaluation_model", "evaluation_prediction")


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresSettings]:
    with postgres_server() as settings:
        yield settings


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)


@pytest.fixture
def namespace(postgres: PostgresSettings, monkeypatch: pytest.MonkeyPatch) -> Namespace:
    """A namespace that the environment names, without any schema yet."""
    name = f"t-{uuid.uuid4().hex[:12]}"
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", name)
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", postgres.url.get_secret_value())
    return Namespace(name)


def evaluate(candles: Path, out: Path, *more: str, **changes: str) -> tuple[int, list[str]]:
    options = {
        "--candles": str(candles),
        "--out": str(out),
        **OPTIONS,
        **{f"--{name.replace('_', '-')}": value for name, value in changes.items()},
    }
    words = [text for pair in options.items() for text in pair]
    result = CliRunner().invoke(app, ["evaluate", *words, *more])
    return result.exit_code, result.output.splitlines()


def stored(postgres: PostgresSettings, namespace: Namespace) -> dict[str, list[tuple[object, ...]]]:
    """Return all rows of the tables with the transaction that wrote each."""
    return {
        table: sorted(fetch(postgres, namespace, f"SELECT xmin::text, t::text FROM {table} t"))
        for table in TABLES
    }


def test_written_once_with_the_figures_of_the_report(
    postgres: PostgresSettings, namespace: Namespace, candles: Path, tmp_path: Path
) -> None:
    code, lines = evaluate(candles, tmp_path, "--record", record_days="3")
    assert code == 0, lines
    assert any("recorded as " in line for line in lines)
    report = json.loads((tmp_path / "report.json").read_text())
    league = fetch(
        postgres,
        namespace,
        "SELECT model, rmae, da, coverage_90, fits, figures FROM evaluation_model ORDER BY place",
    )
    models = report["models"]
    assert [row[0] for row in league] == sorted(models, key=lambda name: models[name]["rmae"])
    for model, rmae, da, coverage, fits, figures in league:
        expected = models[model]
        assert (rmae, da, coverage) == (expected["rmae"], expected["da"], expected["coverage_90"])
        assert figures == expected
        assert fits == expected["cost"]["refits"]
    with (
        closing(connect(postgres, namespace, role=READER_ROLE)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT p.symbol, p.target_open_time, p.q50, p.actual_close, p.model = r.shown_model "
            "FROM evaluation_prediction p JOIN evaluation_run r USING (digest)"
        )
        shown = {row[:2]: row[2:] for row in cursor.fetchall()}
    frame = pd.read_parquet(tmp_path / "predictions.parquet")
    last = frame["target_open_time"].max()
    (model,) = {name for name in models if name != "naive"} & {
        row[0] for row in fetch(postgres, namespace, "SELECT shown_model FROM evaluation_run")
    }
    rows = frame[
        (frame["model"] == model) & (frame["target_open_time"] > last - pd.Timedelta(days=3))
    ]
    assert shown == {
        (row.symbol, row.target_open_time.to_pydatetime()): (row.q50, row.actual_close, True)
        for row in rows.itertuples()
    }

    before = stored(postgres, namespace)
    code, lines = evaluate(candles, tmp_path, "--record", record_days="3")
    assert code == 0
    assert any("was recorded before as " in line for line in lines)
    assert stored(postgres, namespace) == before

    assert evaluate(candles, tmp_path, "--record", record_days="1")[0] == 0
    after = stored(postgres, namespace)
    assert after["evaluation_model"] == before["evaluation_model"]
    assert set(after["evaluation_prediction"]) < set(before["evaluation_prediction"])
    assert len(after["evaluation_prediction"]) == int(
        (rows["target_open_time"] > last - pd.Timedelta(days=1)).sum()
    )

    assert evaluate(candles, tmp_path, "--record", refit_every="5d")[0] == 0
    assert fetch(postgres, namespace, "SELECT count(*) FROM evaluation_run") == [(2,)]


def test_half_a_record_is_never_there(
    postgres: PostgresSettings,
    namespace: Namespace,
    candles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def without_a_median(connection: object, record: Record) -> bool:
        """Spoil what is written last."""
        medians = record.predictions["q50"].astype(object)
        record.predictions["q50"] = medians.where(medians.index > 0, None)
        return write_record(connection, record)  # type: ignore[arg-type] # as given

    monkeypatch.setattr(evaluation_record, "write_record", without_a_median)
    code, lines = evaluate(candles, tmp_path, "--record")
    assert code == 2
    assert "--record: Postgres does not answer or refuses (null value in column" in lines[-1]
    assert str(tmp_path) in lines[-1]
    assert (tmp_path / "report.json").exists()
    assert stored(postgres, namespace) == {table: [] for table in TABLES}


def test_without_postgres_nothing_is_begun(
    namespace: Namespace, candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", "postgresql://postgres@127.0.0.1:9/postgres")
    code, lines = evaluate(candles, tmp_path / "out", "--record")
    assert code == 2
    (line,) = lines
    assert "--record: Postgres does not answer" in line
    assert line.endswith("or name a local run with --run; nothing was begun")
    assert not (tmp_path / "out").exists()


def test_a_store_that_is_lost_meanwhile_costs_no_report(
    namespace: Namespace, candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object) -> None:
        raise psycopg2.OperationalError("server closed the connection\nand more")

    monkeypatch.setattr(evaluation_record, "connect", lost)
    code, lines = evaluate(candles, tmp_path, "--record")
    assert code == 2
    assert "(server closed the connection)" in lines[-1]
    assert (tmp_path / "report.json").exists()


def test_the_long_projection_is_not_recorded(
    namespace: Namespace, candles: Path, tmp_path: Path
) -> None:
    code, lines = evaluate(candles, tmp_path, "--record", horizon="90d")
    assert code == 2
    assert lines == ["nexthour: --record is for the next hour's close: leave it out with --horizon"]
