"""Fixtures for every part: the stack, a namespace in it, a Spark session, an exchange.

stack       LocalStack, started once per session, fresh, in a temporary directory
namespace   unique per test, its SQL schema migrated
settings    `tests.support.bundle.Bundle`: all settings objects of `namespace`, and `.environment`
            for child processes
spark       one local[2] session per test run; paths without a scheme are local files
hdfs_spark  the same Spark with a session of its own whose default file system is the stack's HDFS
exchange_server   call it with NEXTHOUR_STANDIN_* variables; returns
            `tests.support.exchange.ExchangeServer`
Helpers: `from tests.support.eventually import eventually`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from conf.connections.postgres import migrate
from conf.connections.spark import build_session
from conf.local_stack import LocalStackSettings
from conf.names import Namespace
from conf.settings import HdfsSettings
from local.java import class_path
from local.ports import HOST, PortClaims
from local.stack import LocalStack
from tests.support.bundle import Bundle, bundle_of, spark_settings
from tests.support.exchange import ExchangeServer, start_exchange
from tests.support.own_settings import forget_own_settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).parents[1]
REAL_DATA = ROOT.parent / "shared" / "data"

# A developer's own settings must not reach the tests.
forget_own_settings()
os.environ["SPARK_LOCAL_IP"] = HOST


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave tests on real data out where there is none, and say so in one line."""
    if REAL_DATA.exists():
        return
    without = [item for item in items if item.get_closest_marker("realdata")]
    if not without:
        return
    items[:] = [item for item in items if not item.get_closest_marker("realdata")]
    config.hook.pytest_deselected(items=without)
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None:
        reporter.write_line(
            f"{len(without)} tests marked realdata are left out: {REAL_DATA} is not there"
        )


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    """All servers, up for the whole test run."""
    settings = LocalStackSettings(
        run_dir=tmp_path_factory.mktemp("stack"),
        jars_dir=ROOT / ".deps" / "jars",
        durable=False,
    )
    servers = LocalStack(settings, fresh=True)
    with servers:
        yield servers
    servers.forget()  # as root the data may lie outside pytest's own folders


@pytest.fixture
def namespace(stack: LocalStack) -> Namespace:
    """A namespace that no other test uses; its SQL schema has the newest version."""
    unique = Namespace(f"t-{uuid.uuid4().hex[:12]}")
    environment = stack.environment()
    migrate(bundle_of(environment, unique, stack.log_dir).postgres, unique)
    return unique


@pytest.fixture
def settings(stack: LocalStack, namespace: Namespace, tmp_path: Path) -> Bundle:
    """Every settings object of the test's namespace."""
    return bundle_of(stack.environment(), namespace, tmp_path)


@pytest.fixture(scope="session")
def spark() -> Iterator[SparkSession]:
    """One small Spark for the whole test run; it needs no stack."""
    class_path(ROOT / ".deps" / "jars" / "spark")  # without jars every Kafka test would mislead
    session = build_session("nexthour-tests", spark_settings(), HdfsSettings(url="file:///"))
    yield session
    session.stop()


@pytest.fixture
def hdfs_spark(spark: SparkSession, stack: LocalStack) -> SparkSession:
    """A session of its own on the same Spark; paths without a scheme are on the stack's HDFS."""
    session = spark.newSession()
    session.conf.set("spark.sql.shuffle.partitions", spark.conf.get("spark.sql.shuffle.partitions"))
    session.conf.set("fs.defaultFS", stack.environment()["NEXTHOUR_HDFS_URL"])
    return session


@pytest.fixture
def exchange_server(tmp_path: Path) -> Iterator[Callable[..., ExchangeServer]]:
    """Start stand-in exchanges that end with the test."""
    ports = PortClaims()
    started: list[ExchangeServer] = []

    def start(environment: Mapping[str, str] | None = None, **variables: object) -> ExchangeServer:
        """Start one; ``speed=180`` is short for ``NEXTHOUR_STANDIN_SPEED=180``."""
        given = dict(environment or {})
        given.update(
            {f"NEXTHOUR_STANDIN_{key.upper()}": str(value) for key, value in variables.items()}
        )
        name = f"exchange-{len(started) + 1}"
        started.append(start_exchange(given, ports, tmp_path / "logs", name))
        return started[-1]

    yield start
    for server in started:
        server.process.stop()
    ports.release()
