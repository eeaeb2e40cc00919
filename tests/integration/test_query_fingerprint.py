"""A changed query and its old checkpoint; the way to a new checkpoint, and the same candles after it."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Consumer, TopicPartition

from conf.connections.hdfs import open_hdfs
from conf.contracts.trades import TradeRecord
from conf.names import CHECKPOINT_VERSIONS, HOUR_MS
from conf.settings import CandleSettings, HdfsSettings
from producers.topics import ensure_topics
from streaming import candles
from streaming.context import PipelineContext
from streaming.errors import StartError
from streaming.fingerprint import guard_checkpoint
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, closing, trade
from tests.support.candle_run import context_of, execute, in_all_stores, in_postgres, running_query
from tests.support.candle_topic import TradeWriter
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.integration

WAIT_S = 120.0
PARTS = {"topic": "t", "aggregates": {"open": "min_by(price, trade_id) AS open"}}


@pytest.fixture
def context(settings: Bundle) -> PipelineContext:
    ensure_topics(settings.kafka, settings.run)
    return context_of(settings)


def written(context: PipelineContext) -> dict[str, object]:
    files = open_hdfs(context.hdfs)
    found: dict[str, object] = json.loads(files.cat_file(context.namespace.fingerprint_file("x")))
    return found


def test_a_fingerprint_is_written_first_and_compared_ever_after(context: PipelineContext) -> None:
    guard_checkpoint(context, "x", PARTS | {"topic": "other"})
    guard_checkpoint(context, "x", PARTS)  # no checkpoint was made yet
    assert written(context)["topic"] == "t"
    open_hdfs(context.hdfs).makedirs(context.namespace.checkpoint("x"))
    guard_checkpoint(context, "x", PARTS)
    with pytest.raises(StartError) as refused:
        guard_checkpoint(context, "x", PARTS | {"aggregates": {"open": "max(price) AS open"}})
    (line,) = str(refused.value).splitlines()
    assert "aggregates.open was" in line
    assert "CHECKPOINT_VERSIONS['x']" in line
    assert written(context)["aggregates"] == PARTS["aggregates"]


def test_a_checkpoint_of_an_older_installation(context: PipelineContext) -> None:
    open_hdfs(context.hdfs).makedirs(context.namespace.checkpoint("x"))
    with pytest.raises(StartError, match="no fingerprint"):
        guard_checkpoint(context, "x", PARTS)
    guard_checkpoint(context, "x", PARTS, is_stateful=False)
    assert written(context)["topic"] == "t"


def test_without_hdfs_nothing_is_decided(context: PipelineContext) -> None:
    away = replace(context, hdfs=HdfsSettings(http_url="http://127.0.0.1:1"))
    with pytest.raises(OSError, match=r"127\.0\.0\.1"):
        guard_checkpoint(away, "x", PARTS)


def one_hour(open_ms: int, first_id: int) -> list[TradeRecord]:
    trades = [trade(first_id + n, str(100 + n), at_ms=open_ms + n) for n in range(4)]
    return [*trades, closing(trades, open_time_ms=open_ms)]


def has_candles(context: PipelineContext, count: int) -> bool:
    return len(in_postgres(context)) == count


def offsets_after(context: PipelineContext, records_of_btc: int) -> str:
    """Return offsets as START_FROM wants them: so many records into the only partition in use."""
    consumer = Consumer({**context.kafka.client_config(), "group.id": "offsets"})
    topic = context.namespace.trades_topic
    try:
        places = {}
        for number in consumer.list_topics(topic, 30).topics[topic].partitions:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), 30)
            places[str(number)] = low + records_of_btc if high > low else low
        return json.dumps(places)
    finally:
        consumer.close()


@pytest.mark.timeout(560)
def test_the_upgrade_rule(
    hdfs_spark: SparkSession, context: PipelineContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TradeWriter(context.kafka, context.namespace)
    writer.write(one_hour(HOUR, 1) + one_hour(HOUR + HOUR_MS, 5))
    with running_query(hdfs_spark, context):
        eventually(lambda: len(in_postgres(context)) == 2, WAIT_S)
    before = in_all_stores(context)

    # The changed query refuses the old checkpoint, in one line, and touches nothing.
    changed = replace(context, candle=CandleSettings(watermark_days=8))
    with pytest.raises(StartError) as refused:
        candles.start(hdfs_spark, changed)
    assert "watermark was" in str(refused.value)
    # What may change does not.
    faster = replace(context, spark=context.spark.model_copy(update={"max_offsets_per_trigger": 9}))
    with running_query(hdfs_spark, faster) as query:
        assert query.isActive

    # A new version, once from the topic's beginning and once from an offset inside the first hour.
    version = CHECKPOINT_VERSIONS["candles"]
    starts = ["earliest", offsets_after(context, 2)]
    for number, start_from in enumerate(starts, start=1):
        monkeypatch.setitem(CHECKPOINT_VERSIONS, "candles", version + number)
        writer.write(one_hour(HOUR + (1 + number) * HOUR_MS, 5 + 4 * number))
        candle = CandleSettings(watermark_days=8, start_from=start_from)
        with running_query(hdfs_spark, replace(context, candle=candle)):
            eventually(partial(has_candles, context, 2 + number), WAIT_S)
        after = in_all_stores(context)
        assert after["postgres"] == after["parquet"] == after["topic"]
        assert {key: after["postgres"][key] for key in before["postgres"]} == before["postgres"]
        assert {revision for _, _, revision in after["postgres"]} == {1}
    checkpoints = "SELECT count(*) FROM sink_commit WHERE query = 'candles'"
    assert execute(context, checkpoints) == [(3,)]
