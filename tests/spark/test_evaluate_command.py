"""`nexthour evaluate` with Spark of its own: to the end, interrupted, and on a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from model.evaluation.session import LOG
from tests.support.eventually import eventually
from tests.support.spark_cluster import spark_cluster
from tests.support.walks import SYMBOLS, holed_panel, write_folder

pytestmark = [pytest.mark.spark, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
WAIT_S = 240.0


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)


def command(
    candles: Path, out: Path, models: str, *more: str, refit_every: str = "30d"
) -> list[str]:
    options = {
        "--candles": candles,
        "--train-until": "2023-11-24T23:00Z",
        "--test-from": "2023-11-25T00:00Z",
        "--test-until": "2023-12-06T23:00Z",
        "--refit-every": refit_every,
        "--seeds": 1,
        "--models": models,
        "--out": out,
    }
    given = [str(part) for pair in options.items() for part in pair]
    main = "from nexthour.cli import main; main()"
    return [sys.executable, "-c", main, "evaluate", *given, *more]


@contextmanager
def running(arguments: list[str], **environment: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def bytes_of(out: Path) -> bytes:
    return (out / "predictions.parquet").read_bytes()


def test_what_spark_says_is_in_the_log_and_not_on_the_screen(candles: Path, tmp_path: Path) -> None:
    with running(command(candles, tmp_path / "two", "drift,rule", "--workers", "2")) as two:
        output, _ = two.communicate(timeout=WAIT_S)
    assert two.returncode == 0, output
    assert "1 fits of 3 models, 3 tasks on 2 workers" in output
    assert "WARN" not in output
    assert "log4j" in (tmp_path / "two" / "cache" / LOG).read_text()
    with running(command(candles, tmp_path / "one", "drift,rule", "--workers", "1")) as one:
        output, _ = one.communicate(timeout=WAIT_S)
    assert one.returncode == 0, output
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


def test_without_java_it_says_so_in_one_line(candles: Path, tmp_path: Path) -> None:
    arguments = command(candles, tmp_path / "out", "drift,rule", "--workers", "2")
    with running(arguments, JAVA_HOME=str(tmp_path)) as process:
        output, _ = process.communicate(timeout=WAIT_S)
    assert process.returncode == 2
    last = output.splitlines()[-1]
    assert last.startswith("nexthour: Spark does not start ([JAVA_GATEWAY_EXITED]")
    assert last.endswith("--workers 1 needs none but for rf and gbt")
    assert "Traceback" not in output
    assert "bin/java" in (tmp_path / "out" / "cache" / LOG).read_text()


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.long)]
)
def test_stopped_it_ends_all_that_it_started(
    candles: Path, tmp_path: Path, number: signal.Signals
) -> None:
    arguments = command(candles, tmp_path, "paper,drift", "--workers", "2", refit_every="6d")
    with running(arguments) as process:
        cache = tmp_path / "cache"
        # A fit is kept, others are under way.
        eventually(lambda: list(cache.glob("*.npz")), WAIT_S, message="a fit that is done")
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3  # JVM, daemon, workers
        process.send_signal(number)
        output, _ = process.communicate(timeout=WAIT_S)
        assert process.returncode == 2
        assert output.splitlines()[-1] == (
            "nexthour: stopped; start again, fits that are done are kept"
        )
        assert "Traceback" not in output
        assert not psutil.wait_procs(children, timeout=30)[1]
    with running(arguments) as again:
        output, _ = again.communicate(timeout=WAIT_S)
    assert again.returncode == 0, output
    assert "(kept)" in output


@pytest.mark.long
def test_on_a_cluster_tasks_run_on_its_executors(candles: Path, tmp_path: Path) -> None:
    with spark_cluster(tmp_path / "spark") as cluster:
        arguments = command(
            candles, tmp_path / "out", "drift,rf", "--workers", "2", "--cache", str(tmp_path / "c")
        )
        with running(arguments, NEXTHOUR_SPARK_MASTER=cluster.master) as process:
            output, _ = process.communicate(timeout=WAIT_S)
        assert process.returncode == 0, output
        applications = list((tmp_path / "spark" / "work").glob("app-*"))
        assert len(applications) == 1
    assert not (tmp_path / "out" / "cache").exists()
    assert len(list((tmp_path / "c").glob("*.npz"))) == 3
    with running(command(candles, tmp_path / "one", "drift,rf", "--workers", "1")) as one:
        output, _ = one.communicate(timeout=WAIT_S)
    assert one.returncode == 0, output
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "out")
    assert pq.read_table(tmp_path / "out" / "predictions.parquet").num_rows > 3000
