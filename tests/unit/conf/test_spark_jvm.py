"""Which compilers a driver's JVM has."""

from __future__ import annotations

import pytest

from conf.connections.spark import QUICK_JIT, THROUGHPUT, jvm_options
from conf.settings import SparkSettings

pytestmark = pytest.mark.unit


def test_unless_told_queries_compile_well_and_batch_jobs_quickly() -> None:
    unset = SparkSettings().quick_jit
    assert jvm_options(unset, is_long_running=True) == THROUGHPUT
    assert jvm_options(unset, is_long_running=False) == QUICK_JIT


@pytest.mark.parametrize(("told", "options"), [("true", QUICK_JIT), ("false", THROUGHPUT)])
def test_the_settings_decide_where_they_say_something(
    monkeypatch: pytest.MonkeyPatch, told: str, options: str
) -> None:
    monkeypatch.setenv("NEXTHOUR_SPARK_QUICK_JIT", told)
    for is_long_running in (True, False):
        assert jvm_options(SparkSettings().quick_jit, is_long_running) == options
