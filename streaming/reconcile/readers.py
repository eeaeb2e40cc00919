"""Read the final candles that each store holds: Postgres, Parquet on HDFS, topic `candles`."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from conf.contracts.candles import Candle, decode_candle
from conf.names import Namespace, epoch_ms
from conf.settings import HdfsSettings, KafkaSettings, PostgresSettings

READ_TIMEOUT_S = 10.0
_COLUMNS = [name for name in Candle.__slots__ if name != "open_time_ms"]


def from_postgres(settings: PostgresSettings, namespace: Namespace) -> Iterator[Candle]:
    """Yield every final candle that was built from trades, each revision."""
    connection = connect(settings, namespace)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT open_time, {', '.join(_COLUMNS)} FROM candle "  # noqa: S608 - own names
                "WHERE status = 'final' AND source = 'trades' ORDER BY symbol, open_time, revision"
            )
            rows = cursor.fetchall()
    finally:
        connection.close()
    for open_time, *values in rows:
        yield Candle(open_time_ms=epoch_ms(open_time), **dict(zip(_COLUMNS, values, strict=True)))


def from_parquet(settings: HdfsSettings, namespace: Namespace) -> Iterator[Candle]:
    """Yield the candle of every visible file under `candles/`, each revision."""
    files = open_hdfs(settings)
    root = f"{namespace.hdfs_root}/candles"
    if not files.exists(root):
        return
    for day in files.ls(root, detail=False):
        for path in files.ls(day, detail=False):
            if path.rsplit("/", 1)[-1].startswith((".", "_")):
                continue
            for row in pq.read_table(io.BytesIO(files.cat_file(path))).to_pylist():
                yield _from_parquet_row(row)


def _from_parquet_row(row: dict[str, Any]) -> Candle:
    values = {name: row[name] for name in _COLUMNS}
    return Candle(open_time_ms=epoch_ms(row["open_time"]), **values)


def from_topic(settings: KafkaSettings, namespace: Namespace) -> Iterator[Candle]:
    """Yield every candle of the topic from its beginning to its present end.

    Raises:
        TimeoutError: if the end is not reached in ten seconds without a message.
    """
    for message in read_topic(settings, namespace.candles_topic):
        yield decode_candle(message)


def read_topic(settings: KafkaSettings, topic: str) -> Iterator[bytes]:
    """Yield the committed values of a topic from its beginning to its present end.

    Raises:
        TimeoutError: if the end is not reached in ten seconds without a message.
        KafkaException: if the topic cannot be read.
    """
    consumer = Consumer(
        {
            **settings.client_config(),
            "group.id": f"read-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )
    try:
        partitions = consumer.list_topics(topic, READ_TIMEOUT_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        open_partitions = set(partitions)
        while open_partitions:
            message = consumer.poll(READ_TIMEOUT_S)
            if message is None:
                text = f"topic {topic} gave nothing for {READ_TIMEOUT_S:.0f} s before its end"
                raise TimeoutError(text)
            error = message.error()
            if error is None:
                yield message.value()
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                open_partitions.discard(message.partition())
            else:
                raise KafkaException(error)
    finally:
        consumer.close()
