"""The gate between two batches, on a query in memory; with Spark: tests/spark/test_supervised_query.py."""

from __future__ import annotations

import threading
import weakref
from types import SimpleNamespace
from typing import Any

import pytest

from streaming.errors import StreamingError
from streaming.gate import QueryRun

pytestmark = pytest.mark.unit


class MemoryQuery:
    """A query whose trigger is active until it is told otherwise."""

    def __init__(self) -> None:
        self.status = {"isTriggerActive": True}
        self.stopped = threading.Event()

    def stop(self) -> None:
        self.stopped.set()


def frame_that(sleep: Any) -> Any:
    jvm = SimpleNamespace(java=SimpleNamespace(lang=SimpleNamespace(Thread=sleep)))
    context = SimpleNamespace(_jvm=jvm)
    return SimpleNamespace(sparkSession=SimpleNamespace(sparkContext=context))


def test_an_open_gate_lets_batches_pass_with_their_errors() -> None:
    seen: list[int] = []
    run = QueryRun()
    run.gated(lambda _frame, batch_id: seen.append(batch_id))(None, 3)

    def broken(_frame: object, _batch_id: int) -> None:
        raise OSError

    with pytest.raises(OSError):  # noqa: PT011 - the very error of the handler
        run.gated(broken)(None, 4)
    assert seen == [3]


def test_a_running_batch_ends_and_the_next_is_held_until_the_stop() -> None:
    seen: list[int] = []
    in_batch, may_end = threading.Event(), threading.Event()
    query, run = MemoryQuery(), QueryRun()

    def handler(_frame: object, batch_id: int) -> None:
        in_batch.set()
        assert may_end.wait(30)
        seen.append(batch_id)

    held: list[str] = []

    def sleep(_ms: int) -> None:
        assert query.stopped.wait(30)
        held.append("until the stop")

    def batches() -> None:
        gated = run.gated(handler)
        gated(frame_that(None), 0)
        with pytest.raises(StreamingError):  # never returns: that would commit the batch
            gated(frame_that(SimpleNamespace(sleep=sleep)), 1)

    thread = threading.Thread(target=batches)
    thread.start()
    assert in_batch.wait(30)
    drained: list[bool] = []
    drain = threading.Thread(target=lambda: drained.append(run.drain(query, 30)))
    drain.start()
    assert not query.stopped.is_set()
    may_end.set()
    drain.join(30)
    thread.join(30)
    assert (seen, held, drained) == ([0], ["until the stop"], [True])


def test_an_idle_query_is_stopped_at_once_and_a_stuck_one_in_time() -> None:
    query = MemoryQuery()
    assert QueryRun().drain(query, 0.05) is False
    assert query.stopped.is_set()
    idle = MemoryQuery()
    idle.status["isTriggerActive"] = False
    assert QueryRun().drain(idle, 30) is True
    assert idle.stopped.is_set()


def test_a_run_that_is_over_keeps_no_sink_alive() -> None:
    class Sink:
        def __call__(self, _frame: object, _batch_id: int) -> None:
            """Store nothing."""

    run, sink = QueryRun(), Sink()
    alive = weakref.ref(sink)
    held_by_the_jvm = run.gated(sink)
    del sink
    held_by_the_jvm(None, 1)
    run.end()
    assert alive() is None
    with pytest.raises(StreamingError):
        held_by_the_jvm(None, 2)


def test_the_end_of_a_run_closes_everything_once_and_survives_errors() -> None:
    closed: list[str] = []
    run = QueryRun()

    def broken() -> None:
        closed.append("broken")
        raise OSError

    run.at_end(lambda: closed.append("first"))
    run.at_end(broken)
    run.end()
    run.end()
    assert closed == ["broken", "first"]
