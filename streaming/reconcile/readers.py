"""Read the final candles that each store holds: Postgres, Parquet on HDFS, topic `candles`.

Only candles that were built from trades, by the stream or by a repair; loaded history is not read. With a
range, no more is asked of a store than what lies in it: Postgres gives the rows of the range, HDFS the
folders of its dates, the topic, which has no index by hour, is streamed and its keys looked at.
"""

from __future__ import annotations

import io
import posixpath
import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from fsspec.implementations.webhdfs import WebHDFS
from requests.adapters import HTTPAdapter

from conf.connections.hdfs import REQUEST_TIMEOUT_S, open_hdfs
from conf.connections.postgres import connect
from conf.contracts.candles import Candle, decode_candle
from conf.contracts.errors import ContractError
from conf.names import Namespace, epoch_ms, utc_time
from conf.settings import HdfsSettings, KafkaSettings, PostgresSettings
from streaming.candles.revisions import OWN_SOURCE, REPAIR_SOURCE
from streaming.reconcile.compare import Key
from streaming.reconcile.findings import StoreContent
from streaming.reconcile.ranges import HourRange

READ_TIMEOUT_S = 10.0
# Each file is a question to the namenode and one to a datanode; they wait more than they work.
READ_THREADS = 8
ROWS_AT_ONCE = 5_000
SOURCES = (OWN_SOURCE, REPAIR_SOURCE)
_COLUMNS = [name for name in Candle.__slots__ if name != "open_time_ms"]

CandleFile = tuple[str, int, int]
"""Symbol, open time in UTC epoch ms and revision that a file's name states."""


def from_postgres(
    settings: PostgresSettings,
    namespace: Namespace,
    hours: HourRange | None = None,
    symbols: Collection[str] | None = None,
) -> Iterator[Candle]:
    """Yield every final candle that was built from trades, each revision."""
    conditions = ["status = 'final'", "interval = '1h'", "source = ANY(%(sources)s)"]
    values: dict[str, Any] = {"sources": list(SOURCES)}
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
    files = open_hdfs(settings)
    root = namespace.candles_dir
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


def parse_candle_file(name: str) -> CandleFile | None:
    """Return what the name of a candle's file states; None if it is no such name."""
    stem, dot, extension = name.rpartition(".")
    parts = stem.rsplit("-", 2)
    if name.startswith((".", "_")) or not dot or extension != "parquet" or len(parts) != 3:
        return None
    symbol, open_ms, revision = parts
    if not (symbol and open_ms.isdigit() and revision[:1] == "r" and revision[1:].isdigit()):
        return None
    return symbol, int(open_ms), int(revision[1:])


def parquet_content(
    settings: HdfsSettings, namespace: Namespace, hours: HourRange, symbols: Collection[str]
) -> StoreContent:
    """Return the newest file of each hour of a range; the folders of its dates alone are listed.

    Raises:
        OSError: if HDFS does not answer; a single file that cannot be read is part of the result.
    """
    files = open_hdfs(settings)
    files.session.mount("http://", HTTPAdapter(pool_maxsize=READ_THREADS))
    content = StoreContent()
    with ThreadPoolExecutor(READ_THREADS, thread_name_prefix="candle-read") as threads:
        folders = [f"{namespace.hdfs_root}/candles/date={date}" for date in hours.dates()]
        newest: dict[Key, tuple[int, str]] = {}
        for path in (
            path for paths in threads.map(lambda f: _names(files, f), folders) for path in paths
        ):
            found = parse_candle_file(posixpath.basename(path))
            if found is None or found[0] not in symbols or found[1] not in hours:
                continue
            key = found[:2]
            newest[key] = max(newest.get(key, (0, "")), (found[2], path))
        paths = [path for _, path in newest.values()]
        for key, candle in zip(
            newest, threads.map(lambda p: _read_file(files, p), paths), strict=True
        ):
            if isinstance(candle, str):
                content.unreadable[key] = candle
            else:
                content.add(candle)
    return content


def _names(files: WebHDFS, folder: str) -> list[str]:
    try:
        names: list[str] = files.ls(folder, detail=False)
    except FileNotFoundError:
        return []
    return names


def _read_file(files: WebHDFS, path: str) -> Candle | str:
    """Return the candle of a file, or why it has none."""
    answer = files.session.get(
        files.url + quote(path, safe="/="),
        params={"op": "OPEN", **files.pars},
        timeout=REQUEST_TIMEOUT_S,
    )
    if answer.status_code != 200:
        return f"the file cannot be read: HTTP {answer.status_code}"
    try:
        rows = pq.ParquetFile(io.BytesIO(answer.content)).read().to_pylist()
        (candle,) = (_from_parquet_row(row) for row in rows)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        return f"the file is no candle: {str(error).splitlines()[0] if str(error) else error!r}"
    stated = parse_candle_file(posixpath.basename(path))
    if stated != (candle.symbol, candle.open_time_ms, candle.revision):
        return f"the file holds {candle.symbol} {candle.open_time_ms} r{candle.revision}"
    return candle


def postgres_content(
    settings: PostgresSettings, namespace: Namespace, hours: HourRange, symbols: Collection[str]
) -> StoreContent:
    """Return the newest revision of each hour of a range.

    Raises:
        psycopg2.Error: if the server is away.
    """
    return _content(from_postgres(settings, namespace, hours, symbols))


def _content(candles: Iterable[Candle]) -> StoreContent:
    content = StoreContent()
    for candle in candles:
        content.add(candle)
    return content


def topic_content(
    settings: KafkaSettings, namespace: Namespace, hours: HourRange, symbols: Collection[str]
) -> StoreContent:
    """Return the newest revision of each hour of a range; messages of others are not decoded.

    Raises:
        TimeoutError: if the topic's end is not reached in ten seconds without a message.
        KafkaException: if it cannot be read.
    """
    content = StoreContent()
    for message in _messages(settings, namespace.candles_topic):
        key = _parse_key(message.key())
        value = message.value()
        if key is None or value is None or key[0] not in symbols or key[1] not in hours:
            continue
        try:
            candle = decode_candle(value)
        except ContractError as error:
            content.unreadable[key] = f"the message at offset {message.offset()} is {error}"
            continue
        if candle.source in SOURCES:
            content.add(candle)
            if content.candles[key] is candle:  # a later good message replaces a bad one
                content.unreadable.pop(key, None)
    return content


def _parse_key(key: bytes | None) -> Key | None:
    symbol, bar, open_ms = (key or b"").decode(errors="replace").partition("|")
    return (symbol, int(open_ms)) if bar and open_ms.isdigit() else None


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
    for message in _messages(settings, topic):
        yield message.value()


def _messages(settings: KafkaSettings, topic: str) -> Iterator[Message]:
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
        found = consumer.list_topics(topic, READ_TIMEOUT_S).topics[topic]
        if found.error is not None:
            raise KafkaException(found.error)
        partitions = found.partitions
        consumer.assign([TopicPartition(topic, p, OFFSET_BEGINNING) for p in partitions])
        open_partitions = set(partitions)
        while open_partitions:
            message = consumer.poll(READ_TIMEOUT_S)
            if message is None:
                text = f"topic {topic} gave nothing for {READ_TIMEOUT_S:.0f} s before its end"
                raise TimeoutError(text)
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - its only name
                open_partitions.discard(message.partition())
            else:
                raise KafkaException(error)
    finally:
        consumer.close()


Reader = Callable[[HourRange, Collection[str]], StoreContent]
