"""What a person reads when a query fails, and what an application consists of."""

from __future__ import annotations

import threading

import pytest
from pydantic import ValidationError

from conf.settings import RunSettings
from nexthour.launchers import pipeline
from streaming import monitor
from streaming.analysis import watch as analysis
from streaming.application import _running_beside
from streaming.failures import one_line
from streaming.repair import watch

pytestmark = pytest.mark.unit

PYTHON_IN_JVM = """[STREAM_FAILED] Query [id = 1, runId = 2] terminated with exception: Py4J
Traceback (most recent call last):
  File "/somewhere/call.py", line 7, in call
    result: Result = retrying(self._attempt, work)
                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    raise e
streaming.errors.SinkError: topic t: 3 of 3 candles not delivered

  at org.apache.spark.sql.Something(Something.scala:1)
"""


def test_python_error_inside_the_jvm_gives_its_own_line() -> None:
    line = one_line(RuntimeError(PYTHON_IN_JVM))
    assert line == "streaming.errors.SinkError: topic t: 3 of 3 candles not delivered"


def test_traceback_behind_other_words_on_its_line_is_found() -> None:
    text = PYTHON_IN_JVM.replace("Traceback", "Return Message: Traceback")
    line = one_line(RuntimeError(text))
    assert line == "streaming.errors.SinkError: topic t: 3 of 3 candles not delivered"


def test_error_of_the_jvm_inside_python_inside_the_jvm_gives_its_own_line() -> None:
    end = "py4j.protocol.Py4JJavaError: An error occurred while calling o1.collect.\n: java.lang.Error: full"
    text = PYTHON_IN_JVM.replace(
        "streaming.errors.SinkError: topic t: 3 of 3 candles not delivered", end
    )
    assert one_line(RuntimeError(text)) == "java.lang.Error: full"


def test_other_errors_give_their_first_line() -> None:
    assert one_line(RuntimeError("first\nsecond")) == "first"
    assert one_line(RuntimeError()) == "RuntimeError"


def test_bad_setting_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        RunSettings.model_validate({"namespace": "No Good"})
    assert one_line(caught.value).startswith("setting namespace: ")


def test_what_runs_beside_ends_with_the_queries_and_cannot_end_them() -> None:
    context, stop = object(), threading.Event()
    ended, begun = [], threading.Event()

    def part(given: object, event: threading.Event) -> None:
        begun.set()
        event.wait(30)
        ended.append((given is context, event.is_set()))

    def broken(_context: object, _event: threading.Event) -> None:
        raise RuntimeError

    with _running_beside({"part": part, "broken": broken}, context, stop):  # type: ignore[arg-type] # any context
        assert begun.wait(30)
        assert ended == []
    assert ended == [(True, True)]


def test_the_pipeline_runs_monitor_repairs_and_analysis_beside_its_queries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[dict[str, object], ...]] = []

    def take(*args: dict[str, object]) -> int:
        given.append(args)
        return 0

    monkeypatch.setattr(pipeline, "run", take)
    assert pipeline.main() == 0
    ((_, queries, beside, in_session),) = given
    assert list(queries) == ["candles", "forecasts", "archive"]
    assert beside == {"monitor": monitor.run, "repair": watch.run}
    assert in_session == {"analysis": analysis.run}
