"""`python -m model.lifecycle`: the life cycle until SIGTERM; everything from the environment."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

import httpx
import structlog
from pydantic import ValidationError

from conf.connections.exchange_clock import ExchangeClock
from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from conf.connections.s3 import open_s3
from conf.lifecycle import LifecycleSettings
from conf.logs import configure_logging
from conf.model import ModelSettings
from conf.names import Namespace
from conf.settings import (
    ExchangeSettings,
    HdfsSettings,
    PostgresSettings,
    RunSettings,
    S3Settings,
)
from model.lifecycle.background import PROJECTION, TRAINING, BackgroundJob
from model.lifecycle.ledger import LifecycleLedger
from model.lifecycle.loop import Lifecycle
from model.registry import Registry

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

log = structlog.get_logger(__name__)

CANNOT_START = 2
CLOCK_TIMEOUT_S = 2.0
SLOW = {"NEXTHOUR_MODEL_THREADS": "1"}
"""A training beside the queries leaves them a core."""


class _Postgres:
    """One connection in autocommit mode, opened anew where it was lost."""

    def __init__(self, settings: PostgresSettings, namespace: Namespace) -> None:
        self._settings, self._namespace = settings, namespace
        self._open: Connection | None = None

    def __call__(self) -> Connection:
        if self._open is None or self._open.closed:
            self._open = connect(self._settings, self._namespace)
            self._open.autocommit = True
        return self._open


def build(run: RunSettings, lifecycle: LifecycleSettings) -> Lifecycle:
    """Put the loop together from the environment; connections are opened when first needed."""
    namespace, s3, exchange = Namespace(run.namespace), S3Settings(), ExchangeSettings()
    stable = tuple(s for s in ModelSettings().stable_symbols if s in run.symbols)
    client = httpx.Client(timeout=CLOCK_TIMEOUT_S)

    def now_ms() -> int | None:
        try:
            return ExchangeClock.sync(client, exchange.rest_url, run.speed).now_ms()
        except (httpx.HTTPError, KeyError, ValueError) as error:
            log.warning("exchange time not known", error=repr(error))
            return None

    def job(name: str, commands: Sequence[Sequence[str]]) -> BackgroundJob:
        log_file = run.var_dir / "lifecycle" / f"{name}.log"
        niceness, timeout_s = lifecycle.niceness, lifecycle.training_timeout_s
        return BackgroundJob(commands, log_file, niceness, timeout_s, SLOW)

    return Lifecycle(
        settings=lifecycle,
        registry=Registry(open_s3(s3), s3.bucket, namespace.s3_prefix),
        ledger=LifecycleLedger(_Postgres(PostgresSettings(), namespace), stable),
        files=open_hdfs(HdfsSettings()),
        namespace=namespace,
        training=job("training", TRAINING),
        projection=job("projection", PROJECTION),
        now_ms=now_ms,
        stable=stable,
    )


def main() -> int:
    """Run until SIGTERM or SIGINT; return the exit code (2: a person must act)."""
    configure_logging()
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, handle)
    try:
        run, settings = RunSettings(), LifecycleSettings()
        lifecycle = build(run, settings)
    except ValidationError as error:
        sys.stderr.write(f"life cycle: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}\n")
        return CANNOT_START
    log.info("life cycle runs", retrain_every_hours=settings.retrain_every_hours)
    lifecycle.run(stop)
    return 0


if __name__ == "__main__":
    sys.exit(main())
