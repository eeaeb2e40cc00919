"""What Spark is asked for before it starts; nothing here starts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from model.evaluation import session
from model.evaluation.session import DRIVER_MEMORY, EvaluationSession

pytestmark = pytest.mark.unit


class StartedError(Exception):
    """Instead of a JVM."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    found: dict[str, object] = {}

    def start(
        _name: str, spark: object, hdfs: object, options: object, *, is_long_running: bool
    ) -> None:
        found.update(spark=spark, hdfs=hdfs, options=options, compiles_well=is_long_running)
        raise StartedError

    monkeypatch.setattr(session, "build_session", start)
    return found


def start(folder: Path, workers: int = 3) -> None:
    with EvaluationSession(workers, folder) as spark, pytest.raises(StartedError):
        spark.get()


def test_tasks_run_on_this_machine_in_a_small_jvm(
    asked: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTHOUR_SPARK_MASTER", "local[7]")  # as a demo's .env may say
    start(tmp_path)
    spark, hdfs, options = asked["spark"], asked["hdfs"], asked["options"]
    assert spark.master == "local[3]"  # type: ignore[attr-defined]
    assert spark.driver_memory == DRIVER_MEMORY == "512m"  # type: ignore[attr-defined]
    assert hdfs.url == "file:///"  # type: ignore[attr-defined]
    assert asked["compiles_well"], "MLlib's fits take half of the time"
    assert options["spark.task.cpus"] == "1"  # type: ignore[index]
    assert options["spark.python.worker.reuse"] == "false"  # type: ignore[index]


def test_a_cluster_and_its_memory_are_taken_as_they_are_set(
    asked: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTHOUR_SPARK_MASTER", "spark://master:7077")
    monkeypatch.setenv("NEXTHOUR_SPARK_DRIVER_MEMORY", "2g")
    monkeypatch.setenv("NEXTHOUR_HDFS_URL", "hdfs://namenode:8020")
    start(tmp_path, workers=40)
    spark, hdfs, options = asked["spark"], asked["hdfs"], asked["options"]
    assert spark.master == "spark://master:7077"  # type: ignore[attr-defined]
    assert spark.driver_memory == "2g"  # type: ignore[attr-defined]
    assert hdfs.url == "hdfs://namenode:8020"  # type: ignore[attr-defined]
    assert options["spark.cores.max"] == "40"  # type: ignore[index]


def test_a_block_that_needs_no_spark_starts_none(asked: dict[str, object], tmp_path: Path) -> None:
    with EvaluationSession(2, tmp_path):
        pass
    assert not asked
    assert not list(tmp_path.iterdir())
