"""Read the final candles that each store holds, all of them: Postgres, Parquet on HDFS, topic `candles`.

Only candles that were built from trades, by the stream or by a repair; loaded history is not read.
A comparison of a range asks for less, see `parquet_files` and `topic_copy`.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from conf.connections.hdfs import open_hdfs
from conf.connections.hdfs_folders import rows_below
from conf.connections.postgres import connect
from conf.contracts.candles import Candle, decode_candle
from conf.names import Namespace, epoch_ms, utc_time
from conf.settings import HdfsSettings, KafkaSettings, PostgresSettings
from streaming.candles.revisions import OWN_SOURCES
from streaming.reconcile.findings import StoreContent
from streaming.reconcile.ranges import HourRange

READ_TIMEOUT_S = 10.0
ROWS_AT_ONCE = 5_000
_COLUMNS = [name for name in Candle.__slots__ if name != "open_time_ms"]


def from_postgres(
    settings: PostgresSettings,
    namespace: Namespace,
    hours: HourRange | None = None,
    symbols: Collection[str] | None = None,
) -> Iterator[Candle]:
    """Yield every final candle that was built from trades, each revision."""
    conditions = ["status = 'final'", "interval = '1h'", "source = ANY(%(sources)s)"]
    values: dict[str, Any] = {"sources": list(OWN_SOURCES)}
    if hours is not None:
        conditions.append("open_time >= %(from)s AND open_time < %(until)s")
        values |= {"from": utc_time(hours.from_ms), "until": utc_time(hours.until_ms)}
    if symbols is not None:
        conditions.append("symbol = ANY(%(symbols)s)")
        values["symbols"] = list(symbols)
    connection = connect(settings, namespace)
    try:
        with connection.cursor("candles_read") as cursor:
            cursor.itersize = ROWS_AT_ONCE
            cursor.execute(
                f"SELECT open_time, {', '.join(_COLUMNS)} FROM candle "  # noqa: S608 - own names
                f"WHERE {' AND '.join(conditions)} ORDER BY symbol, open_time, revision",
                values,
            )
            for open_time, *row in cursor:
                fields = dict(zip(_COLUMNS, row, strict=True))
                yield Candle(open_time_ms=epoch_ms(open_time), **fields)
    finally:
        connection.close()


def from_parquet(settings: HdfsSettings, namespace: Namespace) -> Iterator[Candle]:
    """Yield the candle of every visible file under `candles/`, each revision."""
    for row in rows_below(open_hdfs(settings), namespace.candles_dir):
        yield candle_of_row(row)


def candle_of_row(row: Mapping[str, Any]) -> Candle:
    """Return the candle of a row of `streaming.candles.files.SCHEMA`."""
    values = {name: row[name] for name in _COLUMNS}
    return Candle(open_time_ms=epoch_ms(row["open_time"]), **values)


def postgres_content(
    settings: PostgresSettings, namespace: Namespace, hours: HourRange, symbols: Collection[str]
) -> StoreContent:
    """Return the newest revision of each hour of a range.

    Raises:
        psycopg2.Error: if the server is away.
    """
    content = StoreContent()
    for candle in from_postgres(settings, namespace, hours, symbols):
        content.add(candle)
    return content


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
    for message in messages_of(settings, topic):
        yield message.value()


def messages_of(
    settings: KafkaSettings, topic: str, places: dict[int, int] | None = None
) -> Iterator[Message]:
    """Yield the committed messages of a topic to its present end; errors as `read_topic`.

    Args:
        settings: where the topic is.
        topic: which one.
        places: offset of the next message by partition, kept up to date; a partition that it lacks
            is read from its beginning.
    """
    places = {} if places is None else places
    consumer = Consumer(
        {
            **settings.client_config(),
            "group.id": f"read-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            # what has aged out since is not missed: its successor is there
            "auto.offset.reset": "earliest",
        }
    )
    try:
        found = consumer.list_topics(topic, READ_TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        partitions = [
            TopicPartition(topic, p, places.get(p, OFFSET_BEGINNING)) for p in found.partitions
        ]
        consumer.assign(partitions)
        open_partitions = set(found.partitions)
        while open_partitions:
            message = consumer.poll(READ_TIMEOUT_S)
            if message is None:
                text = f"topic {topic} gave nothing for {READ_TIMEOUT_S:.0f} s before its end"
                raise TimeoutError(text)
            error = message.error()
            if error is None:
                yield message
                places[message.partition()] = message.offset() + 1
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                open_partitions.discard(message.partition())
                places[message.partition()] = message.offset()
            else:
                raise KafkaException(error)
    finally:
        consumer.close()
