"""The way of the archive query to a new checkpoint, as docs/operations.md has it."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from conf.connections.hdfs import open_hdfs
from conf.names import CHECKPOINT_VERSIONS, HOUR_MS
from producers.topics import ensure_topics
from streaming.archive import start
from streaming.archive.layout import batch_of
from streaming.archive.reader import read_range
from streaming.context import PipelineContext
from tests.support.archive_run import archive_context, compactor_of, contents, places, rows_of
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, closing, trade
from tests.support.candle_run import context_of, execute
from tests.support.candle_topic import TradeWriter
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration

WAIT_S = 120.0
PER_HOUR = 5
COMMITTED = (
    "SELECT checkpoint, batch_id FROM sink_commit WHERE query = 'archive' ORDER BY updated_at DESC"
)


@pytest.fixture
def context(settings: Bundle) -> PipelineContext:
    ensure_topics(settings.kafka, settings.run)
    return archive_context(context_of(settings), trigger_minutes=0.01)


@contextmanager
def archiving(session: SparkSession, context: PipelineContext) -> Iterator[None]:
    query = start(session, context)
    try:
        yield
        assert query.exception() is None
    finally:
        query.stop()


def write_hour(writer: TradeWriter, number: int) -> None:
    """Write the trades of an hour and its CLOSE, all into one partition."""
    open_ms, first_id = HOUR + number * HOUR_MS, 1 + number * PER_HOUR
    trades = [trade(first_id + n, str(100 + n), at_ms=open_ms + n) for n in range(PER_HOUR)]
    writer.write([*trades, closing(trades, open_time_ms=open_ms)])


def offsets_of_last_batch(context: PipelineContext) -> dict[str, int]:
    """Return where the last whole batch ended, as docs/operations.md says how to find it."""
    batch_id = execute(context, COMMITTED)[0][1]
    path = f"{context.namespace.checkpoint('archive')}/offsets/{batch_id}"
    last_line = open_hdfs(context.hdfs).cat_file(path).decode().splitlines()[-1]
    offsets: dict[str, int] = json.loads(last_line)[context.namespace.trades_topic]
    return offsets


def published(context: PipelineContext) -> dict[str, bytes]:
    """Return the files that readers see."""
    return contents(context, ["trades", "markers"])


def whole_batches(context: PipelineContext) -> int:
    return len(execute(context, COMMITTED))


def has_rows(context: PipelineContext, count: int) -> bool:
    return len(rows_of(context)) == count


@pytest.mark.timeout(560)
def test_the_upgrade_rule(
    hdfs_spark: SparkSession, context: PipelineContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TradeWriter(context.kafka, context.namespace)
    write_hour(writer, 0)
    with archiving(hdfs_spark, context):
        eventually(lambda: whole_batches(context) == 1, WAIT_S, message="a whole batch")
    before = published(context)

    # A new version, from where the old one ended: everything is there once, and nothing changed.
    exactly = offsets_of_last_batch(context)
    version = CHECKPOINT_VERSIONS.get("archive", 1)
    monkeypatch.setitem(CHECKPOINT_VERSIONS, "archive", version + 1)
    write_hour(writer, 1)
    with archiving(hdfs_spark, started_from(context, exactly)):
        eventually(partial(has_rows, context, 2 * PER_HOUR), WAIT_S)
        eventually(lambda: whole_batches(context) == 2, WAIT_S)
    after = published(context)
    assert {path: after[path] for path in before} == before
    assert max(Counter(places(rows_of(context) + rows_of(context, "markers"))).values()) == 1

    # And one from an offset inside of what the others have read: doubled, but under other names.
    (partition,) = [number for number, offset in exactly.items() if offset]
    earlier = exactly | {partition: 2}
    monkeypatch.setitem(CHECKPOINT_VERSIONS, "archive", version + 2)
    with archiving(hdfs_spark, started_from(context, earlier)):
        eventually(partial(has_rows, context, 4 * PER_HOUR - 2), WAIT_S)
        eventually(lambda: whole_batches(context) == 3, WAIT_S)
    last = published(context)
    assert {path: last[path] for path in after} == after
    batches = {batch_of(path) for path in last if path.startswith("trades/")}
    assert len({batch.checkpoint for batch in batches if batch}) == 3
    assert {batch.batch_id for batch in batches if batch} == {0}
    files, last_ms = open_hdfs(context.hdfs), HOUR + 2 * HOUR_MS
    ids = [t.trade_id for t in read_range(files, context.namespace, "BTCUSDT", HOUR, last_ms)]
    assert ids == list(range(1, 2 * PER_HOUR + 1))
    assert compactor_of(context).compact(hdfs_spark, "2026-01-01")
    assert len(rows_of(context)) == 2 * PER_HOUR


def started_from(context: PipelineContext, offsets: dict[str, int]) -> PipelineContext:
    return archive_context(context, trigger_minutes=0.01, start_from=json.dumps(offsets))
