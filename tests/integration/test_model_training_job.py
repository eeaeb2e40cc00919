"""`python -m model.training_job` on real HDFS, S3 and Postgres: from history to a serving model."""

from __future__ import annotations

import dataclasses
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from conf.champion import ChampionSettings
from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from conf.connections.s3 import open_s3
from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.features import build_rows
from model.inference import Scorer, features_parquet
from model.lifecycle import gate
from model.registry import Registry
from model.training_job import Job, JobError, check_stores
from tests.support.bundle import Bundle, bundle_of
from tests.support.eventually import eventually
from tests.support.model_history import COINS, history_table, random_panel

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
JOB = [sys.executable, "-m", "model.training_job"]


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return random_panel(hours=50 * 24, reversal=0.4)


def environment(settings: Bundle, **changes: str) -> dict[str, str]:
    run = bundle_of(settings.environment, settings.namespace, settings.run.var_dir, symbols=COINS)
    quick = {"NEXTHOUR_MODEL_EPOCHS": "2", "NEXTHOUR_MODEL_BATCH_SIZE": "128"}
    return {**os.environ, **run.environment, **quick, **changes}


def load_history(settings: Bundle, panel: pd.DataFrame) -> None:
    files = open_hdfs(settings.hdfs)
    for symbol in sorted(set(panel["symbol"])):
        content = io.BytesIO()
        pq.write_table(history_table(panel, symbol), content)
        files.pipe_file(settings.namespace.history_file(symbol), content.getvalue())


def run_job(settings: Bundle, **changes: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        JOB,
        cwd=ROOT,
        env=environment(settings, **changes),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def versions(settings: Bundle) -> pd.DataFrame:
    connection = connect(settings.postgres, settings.namespace)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM model_version ORDER BY created_at")
        names = [column.name for column in cursor.description or ()]
        return pd.DataFrame(cursor.fetchall(), columns=names)


@pytest.mark.timeout(600)
def test_from_history_to_a_scored_hour(
    settings: Bundle, panel: pd.DataFrame, tmp_path: Path
) -> None:
    load_history(settings, panel[panel["symbol"] != "DOGEUSDT"])  # a coin listed only now
    done = run_job(settings)
    assert done.returncode == 0, done.stderr[-3000:]

    registry = Registry(open_s3(settings.s3), settings.s3.bucket, settings.namespace.s3_prefix)
    champion = registry.champion()
    assert champion is not None
    assert champion.status == "bootstrap"
    rows = versions(settings)
    assert list(rows["version"]) == [champion.version]
    assert rows["status"][0] == "bootstrap"
    assert rows["sha256"][0] == champion.sha256
    assert rows["val_pinball"][0] < rows["ewma_pinball"][0]
    assert rows["train_rows"][0] > 1500

    local = registry.fetch(champion.version, tmp_path / "model", sha256=champion.sha256)
    scorer = Scorer.load(local)
    assert scorer.version == champion.version
    last = int(panel["open_time_ms"].max())
    (tmp_path / "hour").mkdir()
    content = features_parquet(build_rows(panel, COINS, [last], spec=scorer.spec))
    (tmp_path / "hour" / "features.parquet").write_bytes(content)
    assert [scored.symbol for scored in scorer.score(tmp_path / "hour")] == list(COINS)
    assert set(scorer.seeds) == set(COINS) - {"DOGEUSDT"}
    assert scorer.expires_ms > last + HOUR_MS

    # the same history again: no Spark, the same windows, the same weights; the first goes on serving
    again = run_job(settings, NEXTHOUR_MODEL_KEEP_SNAPSHOTS="true")
    assert again.returncode == 0, again.stderr[-3000:]
    assert "Spark" not in again.stderr
    rows = versions(settings)
    assert list(rows["status"]) == ["bootstrap", "candidate"]
    assert rows["weights_hash"][0] == rows["weights_hash"][1]
    assert registry.champion() == champion
    against = rows["manifest"][1]["against"]
    assert against["champion"] == champion.version
    assert against["pinball"] == against["rmae"] == 0.0
    assert not gate.faults(rows["manifest"][1])

    # and once more from the snapshot that was kept on S3, whatever has become of the history
    kept = run_job(settings, NEXTHOUR_MODEL_SNAPSHOT=rows["manifest"][1]["snapshot"])
    assert kept.returncode == 0, kept.stderr[-3000:]
    assert set(versions(settings)["weights_hash"]) == {rows["weights_hash"][0]}


def test_without_history_one_line_says_what_to_run(settings: Bundle) -> None:
    done = run_job(settings)
    assert done.returncode == 2
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1
    assert "python -m streaming.history" in lines[0]


@pytest.mark.parametrize(
    ("section", "field", "value", "variable"),
    [
        ("hdfs", "http_url", "http://127.0.0.1:9", "NEXTHOUR_HDFS_HTTP_URL"),
        ("s3", "endpoint_url", "http://127.0.0.1:9", "NEXTHOUR_S3_ENDPOINT_URL"),
        (
            "postgres",
            "url",
            SecretStr("postgresql://postgres@127.0.0.1:9/postgres"),
            "NEXTHOUR_POSTGRES_URL",
        ),
    ],
)
def test_a_store_that_is_away_is_named_in_one_line(
    settings: Bundle, section: str, field: str, value: object, variable: str
) -> None:
    job = Job(
        settings.run,
        settings.hdfs,
        settings.s3,
        settings.postgres,
        settings.spark,
        ModelSettings(),
        ChampionSettings(),
    )
    away = getattr(job, section).model_copy(update={field: value})
    job = dataclasses.replace(job, **{section: away})
    registry = Registry(open_s3(job.s3), job.s3.bucket, job.namespace.s3_prefix)
    with pytest.raises(JobError, match=variable) as raised:
        check_stores(job, open_hdfs(job.hdfs), registry)
    assert "\n" not in str(raised.value)


def test_interrupted_in_spark_it_ends_and_promotes_nothing(
    settings: Bundle, panel: pd.DataFrame
) -> None:
    load_history(settings, panel)
    log = settings.run.var_dir / "job.log"
    with log.open("w") as errors:
        job = subprocess.Popen(JOB, cwd=ROOT, env=environment(settings), stderr=errors)
        try:
            eventually(lambda: '"step": "make windows"' in log.read_text(), 120.0)
            # Spark's own first lines: the JVM is there, the windows are not
            eventually(lambda: "log4j" in log.read_text(), 120.0)
            children = psutil.Process(job.pid).children(recursive=True)
            job.send_signal(signal.SIGTERM)
            assert job.wait(30) == 130
        finally:
            job.kill()
    # Spark's dying JVM writes to the same file, before or after our one line
    assert any(line.startswith("interrupted") for line in log.read_text().splitlines())
    assert children
    assert not psutil.wait_procs(children, timeout=20)[1]
    registry = Registry(open_s3(settings.s3), settings.s3.bucket, settings.namespace.s3_prefix)
    assert registry.champion() is None
