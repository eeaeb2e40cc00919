"""What the topic `candles` says of a range of hours, asked part by part.

A topic has no index by hour. So its messages of the range are copied once to a temporary file, from where each
part is read; what has been appended since is copied first. Memory is bounded by the part.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator

from conf.contracts.candles import decode_candle
from conf.contracts.errors import ContractError
from conf.names import Namespace
from conf.settings import KafkaSettings
from streaming.candles.revisions import OWN_SOURCES
from streaming.reconcile.compare import Key
from streaming.reconcile.findings import StoreContent
from streaming.reconcile.ranges import HourRange
from streaming.reconcile.readers import messages_of

CREATE = "CREATE TABLE message (open_ms INTEGER, symbol TEXT, place INTEGER, value BLOB)"
CREATE_INDEX = "CREATE INDEX message_by_hour ON message (open_ms)"
INSERT = "INSERT INTO message VALUES (?, ?, ?, ?)"
SELECT = """
SELECT open_ms, symbol, place, value FROM message
WHERE open_ms >= ? AND open_ms < ? ORDER BY rowid
"""


class TopicCopy:
    """Messages of some symbols and hours. Not for use by two threads at once.

    The file belongs to SQLite, which removes it when the copy is closed or the process ends.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        namespace: Namespace,
        hours: HourRange,
        symbols: Collection[str],
    ) -> None:
        """Take what will be asked for; nothing is read yet."""
        self._settings = settings
        self._topic = namespace.candles_topic
        self._hours = hours
        self._symbols = symbols
        self._places: dict[int, int] = {}
        # An unnamed database is a temporary file.
        self._database = sqlite3.connect("", check_same_thread=False)
        self._database.execute(CREATE)
        self._database.execute(CREATE_INDEX)

    def close(self) -> None:
        """Forget the messages."""
        self._database.close()

    def content(self, hours: HourRange) -> StoreContent:
        """Return the newest revision of each hour, as the topic has it now.

        Raises:
            TimeoutError: if the topic's end is not reached in ten seconds without a message.
            KafkaException: if it cannot be read.
        """
        self._read_on()
        content = StoreContent()
        for open_ms, symbol, place, value in self._database.execute(
            SELECT, (hours.from_ms, hours.until_ms)
        ):
            key = (symbol, open_ms)
            try:
                candle = decode_candle(value)
            except ContractError as error:
                content.unreadable[key] = f"the message at offset {place} is {error}"
                continue
            if candle.source in OWN_SOURCES:
                content.add(candle)
                if content.candles[key] is candle:  # a later good message replaces a bad one
                    content.unreadable.pop(key, None)
        return content

    def _read_on(self) -> None:
        self._database.executemany(INSERT, self._wanted())
        self._database.commit()

    def _wanted(self) -> Iterator[tuple[int, str, int, bytes]]:
        for message in messages_of(self._settings, self._topic, self._places):
            key, value = _parse_key(message.key()), message.value()
            if key is None or value is None:
                continue
            symbol, open_ms = key
            if symbol in self._symbols and open_ms in self._hours:
                yield open_ms, symbol, message.offset(), value


def _parse_key(key: bytes | None) -> Key | None:
    symbol, bar, open_ms = (key or b"").decode(errors="replace").partition("|")
    return (symbol, int(open_ms)) if bar and open_ms.isdigit() else None
