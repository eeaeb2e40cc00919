"""The tables `incident`, `feed_status` and `topic_position` of one namespace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from psycopg2.extras import execute_values

from conf.contracts.feed import FeedStatus
from conf.contracts.incidents import Incident
from conf.names import utc_time
from streaming.monitor.errors import PostgresAwayError
from streaming.monitor.messages import Batch, Message, Partition

READER = "monitor"
PAGE = 1000

POSITIONS = "SELECT topic, partition, next_offset FROM topic_position WHERE reader = %s"

FORGET = "DELETE FROM topic_position WHERE reader = %s AND topic = %s AND partition = %s"

APPEND = """
INSERT INTO incident (kind, producer, symbol, first_id, last_id, started_at, ended_at, duration_ms,
                      detail, source_partition, source_offset, source_time)
VALUES %s ON CONFLICT ON CONSTRAINT incident_once DO NOTHING
"""

# Wall clocks of two machines differ; a status from the future would make the dashboard guess a later
# exchange time than there is.
UPSERT = """
INSERT INTO feed_status AS known (symbol, producer, state, last_trade_id, last_trade_time,
    exchange_time, lag_ms, connected_since, held, updated_at)
VALUES %s ON CONFLICT (symbol) DO UPDATE SET
    producer = EXCLUDED.producer, state = EXCLUDED.state, last_trade_id = EXCLUDED.last_trade_id,
    last_trade_time = EXCLUDED.last_trade_time, exchange_time = EXCLUDED.exchange_time,
    lag_ms = EXCLUDED.lag_ms, connected_since = EXCLUDED.connected_since, held = EXCLUDED.held,
    updated_at = EXCLUDED.updated_at
WHERE known.exchange_time IS NULL OR known.exchange_time <= EXCLUDED.exchange_time
"""
UPSERT_ROW = "(" + "%s, " * 9 + "least(%s::timestamptz, clock_timestamp()))"

ADVANCE = """
INSERT INTO topic_position AS known (reader, topic, partition, next_offset) VALUES %s
ON CONFLICT (reader, topic, partition) DO UPDATE
SET next_offset = greatest(known.next_offset, EXCLUDED.next_offset), updated_at = clock_timestamp()
"""


class MonitorTable:
    """One connection to the tables; after an error it is of no use. For one thread."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Connect.

        Raises:
            PostgresAwayError: if the server does not answer.
        """
        with _told():
            self._connection = connect()

    def positions(self) -> dict[Partition, int]:
        """Return the offset after the last message stored, by partition.

        Raises:
            PostgresAwayError: if the server is away or has no tables of this version.
        """
        with _told(), self._connection, self._connection.cursor() as cursor:
            cursor.execute(POSITIONS, (READER,))
            return {(topic, partition): offset for topic, partition, offset in cursor.fetchall()}

    def forget(self, partition: Partition) -> None:
        """Forget how far a topic was read that is gone; one of the same name took its place.

        Raises:
            PostgresAwayError: if the server is away.
        """
        with _told(), self._connection, self._connection.cursor() as cursor:
            cursor.execute(FORGET, (READER, *partition))

    def write(self, batch: Batch) -> None:
        """Store a batch and its positions in one transaction.

        Raises:
            psycopg2.DataError: if the server takes a value for none of the column's; nothing is
                stored and the connection goes on.
            psycopg2.IntegrityError: likewise for a constraint.
            PostgresAwayError: if the server is away or refuses.
        """
        incidents = [_incident_row(*pair) for pair in batch.incidents]
        feed = [_feed_row(*batch.feed[symbol]) for symbol in sorted(batch.feed)]
        positions = _position_rows(batch.positions)
        with _told(), self._connection, self._connection.cursor() as cursor:
            if incidents:
                execute_values(cursor, APPEND, incidents, page_size=PAGE)
            if feed:
                execute_values(cursor, UPSERT, feed, UPSERT_ROW, PAGE)
            execute_values(cursor, ADVANCE, positions, page_size=PAGE)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


@contextmanager
def _told() -> Iterator[None]:
    """Turn what a server can meet into an error that says what to do."""
    try:
        yield
    except (psycopg2.DataError, psycopg2.IntegrityError):
        raise
    except (psycopg2.errors.UndefinedTable, psycopg2.errors.UndefinedColumn) as error:
        message = (
            f"Postgres lacks tables of this version ({_first_line(error)}): "
            "run `python -m nexthour.prepare` first"
        )
        raise PostgresAwayError(message) from error
    except psycopg2.Error as error:
        message = (
            f"Postgres does not answer ({_first_line(error)}): is it started, "
            "and is NEXTHOUR_POSTGRES_URL right?"
        )
        raise PostgresAwayError(message) from error


def _first_line(error: psycopg2.Error) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def _incident_row(incident: Incident, message: Message) -> tuple[Any, ...]:
    return (
        incident.kind.value,
        incident.producer,
        incident.symbol,
        incident.first_id,
        incident.last_id,
        utc_time(incident.started_ms),
        _time(incident.ended_ms),
        incident.duration_ms,
        incident.detail,
        message.partition,
        message.offset,
        utc_time(message.time_ms),
    )


def _feed_row(status: FeedStatus, message: Message) -> tuple[Any, ...]:
    return (
        status.symbol,
        status.producer,
        status.state.value,
        status.last_trade_id,
        _time(status.last_trade_time_ms),
        utc_time(status.updated_ms),
        status.lag_ms,
        _time(status.connected_since_ms),
        status.held,
        utc_time(message.time_ms),
    )


def _position_rows(positions: Mapping[Partition, int]) -> list[tuple[str, str, int, int]]:
    return [
        (READER, topic, partition, positions[topic, partition])
        for topic, partition in sorted(positions)
    ]


def _time(time_ms: int | None) -> Any:
    return None if time_ms is None else utc_time(time_ms)
