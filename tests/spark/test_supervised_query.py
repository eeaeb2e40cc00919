"""A supervised query on a real Spark: its pool, its restarts, its reports and its drain."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from pyspark.sql import functions as F  # noqa: N812 - the name that every Spark program uses

from conf.contracts.incidents import IncidentKind
from conf.settings import SupervisionSettings
from streaming.errors import NotReadyError, StartError
from streaming.gate import QueryRun
from streaming.progress import Progress
from streaming.reports import RUNNING, QueryReports
from streaming.supervision import Query, SupervisedQuery
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

pytestmark = pytest.mark.spark

WAIT_S = 90.0
SUPERVISION = SupervisionSettings(restart_base_s=0.1, restart_cap_s=0.2, drain_timeout_s=60.0)


@dataclass
class Told:
    """Remembers what was told."""

    kinds: list[IncidentKind] = field(default_factory=list)

    def tell(
        self,
        kind: IncidentKind,
        detail: str,
        *,
        started_ms: int | None = None,
        ended_ms: int | None = None,
    ) -> None:
        self.kinds.append(kind)

    def now_ms(self) -> int:
        return 0


@dataclass
class World:
    """A rate stream of 20 rows a second into a handler, supervised in a thread."""

    session: SparkSession
    checkpoint: Path
    handler: Callable[[DataFrame, int], None]
    told: Told = field(default_factory=Told)
    reported: list[Progress] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    start_errors: list[Exception] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        clock = iter(range(10**9)).__next__
        self.reports = QueryReports("candles", self.told, clock, quiet_s=1e9, check=self.check)

    def check(self, progress: Progress) -> list[str]:
        self.reported.append(progress)
        return []

    def start(self, session: SparkSession, _context: Any, run: QueryRun) -> StreamingQuery:
        if self.start_errors:
            raise self.start_errors.pop(0)
        run.at_end(lambda: self.closed.append("sink"))
        rows = session.readStream.format("rate").option("rowsPerSecond", 20).load()
        return (
            rows.observe("records", F.count(F.lit(1)).alias("read"))
            .writeStream.queryName("candles")
            .foreachBatch(run.gated(self.handler))
            .option("checkpointLocation", self.checkpoint.as_uri())
            .start()
        )

    @contextmanager
    def running(self) -> Iterator[threading.Thread]:
        context: Any = SimpleNamespace(supervision=SUPERVISION)
        supervised = SupervisedQuery(
            "candles", Query(self.start), self.session, context, self.reports, self.stop
        )

        def supervise() -> None:
            try:
                supervised.run_until_stopped()
            except Exception as error:
                self.errors.append(error)

        thread = threading.Thread(target=supervise, daemon=True)
        thread.start()
        try:
            yield thread
        finally:
            self.stop.set()
            thread.join(WAIT_S)
        assert not thread.is_alive()

    def committed(self) -> list[int]:
        """Return the batches in the checkpoint's commit log."""
        commits = self.checkpoint / "commits"
        return sorted(int(one.name) for one in commits.glob("*") if one.name.isdigit())


def test_jobs_run_in_the_pool_of_their_query(spark: SparkSession, tmp_path: Path) -> None:
    pools: list[str] = []

    def handler(frame: DataFrame, _batch_id: int) -> None:
        context = frame.sparkSession.sparkContext
        pools.append(context.getLocalProperty("spark.scheduler.pool"))
        frame.count()

    world = World(spark, tmp_path, handler)
    with world.running():
        eventually(lambda: len(world.reported) >= 2, WAIT_S)
    assert set(pools) == {"candles"}
    scala = spark.sparkContext._jsc.sc()
    weights = {
        name: (
            scala.getPoolForName(name).get().weight(),
            scala.getPoolForName(name).get().minShare(),
        )
        for name in ("candles", "forecasts", "archive")
    }
    assert weights == {"candles": (8, 2), "forecasts": (4, 0), "archive": (1, 0)}


def test_a_failing_query_is_restarted_and_its_batch_comes_again(
    spark: SparkSession, tmp_path: Path
) -> None:
    begun: list[int] = []

    def handler(frame: DataFrame, batch_id: int) -> None:
        frame.count()
        begun.append(batch_id)
        if begun.count(2) in (1, 2) and batch_id == 2:
            message = "store away"
            raise OSError(message)

    world = World(spark, tmp_path, handler)
    with world.running():
        eventually(lambda: any(one.batch_id >= 3 for one in world.reported), WAIT_S)
        assert world.reports.figures().state == RUNNING
    assert begun[:6] == [0, 1, 2, 2, 2, 3]
    assert world.told.kinds == [
        IncidentKind.QUERY_FAILED,
        IncidentKind.QUERY_FAILED,
        IncidentKind.QUERY_RECOVERED,
    ]
    assert world.closed == ["sink"] * 3
    # Every committed batch was reported once, in order, with its counts.
    assert [one.batch_id for one in world.reported] == list(range(len(world.reported)))
    assert all(one.observed["records"]["read"] == one.input_rows for one in world.reported)
    assert sum(one.input_rows for one in world.reported) > 0


def test_a_drain_lets_the_running_batch_end_and_begins_no_other(
    spark: SparkSession, tmp_path: Path
) -> None:
    in_third, may_end = threading.Event(), threading.Event()
    begun: list[int] = []
    ended: list[int] = []

    def handler(frame: DataFrame, batch_id: int) -> None:
        begun.append(batch_id)
        if batch_id == 2:
            in_third.set()
            assert may_end.wait(WAIT_S)
        frame.count()  # a job of Spark after the stop was asked for
        ended.append(batch_id)

    world = World(spark, tmp_path, handler)
    with world.running() as thread:
        assert in_third.wait(WAIT_S)
        world.stop.set()
        assert world.committed() == [0, 1]
        may_end.set()
        thread.join(WAIT_S)
    assert begun == ended == world.committed() == [0, 1, 2]
    assert world.told.kinds == []
    assert world.closed == ["sink"]

    may_end.set()
    again = World(spark, tmp_path, handler)
    with again.running():
        eventually(lambda: len(ended) >= 5, WAIT_S)
    assert begun[:5] == [0, 1, 2, 3, 4]  # none repeated


def test_what_no_restart_heals_ends_the_supervision(spark: SparkSession, tmp_path: Path) -> None:
    world = World(spark, tmp_path, lambda frame, _: frame.count())
    world.start_errors = [OSError("namenode away"), StartError("does not fit its checkpoint")]
    with world.running() as thread:
        thread.join(WAIT_S)
    assert [str(error) for error in world.errors] == ["does not fit its checkpoint"]
    assert world.told.kinds == [IncidentKind.QUERY_FAILED]


def test_a_store_that_is_not_ready_ends_a_first_start_only(
    spark: SparkSession, tmp_path: Path
) -> None:
    first = World(spark, tmp_path / "first", lambda frame, _: frame.count())
    first.start_errors = [NotReadyError("registry away")]
    with first.running() as thread:
        thread.join(WAIT_S)
    assert [type(error) for error in first.errors] == [NotReadyError]

    def handler(frame: DataFrame, batch_id: int) -> None:
        frame.count()
        if batch_id == 1 and not later.start_errors and later.told.kinds == []:
            later.start_errors = [NotReadyError("registry away")]
            raise OSError

    later = World(spark, tmp_path / "later", handler)
    with later.running():
        eventually(lambda: IncidentKind.QUERY_RECOVERED in later.told.kinds, WAIT_S)
    assert later.errors == []
    assert later.told.kinds[:2] == [IncidentKind.QUERY_FAILED] * 2
