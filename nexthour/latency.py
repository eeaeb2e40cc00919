"""Measures, from outside, when a final candle or forecast became readable in Postgres."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Event, Thread

import psycopg2

from conf.connections.postgres import READER_ROLE, connect
from conf.names import Namespace, epoch_ms, utc_time
from conf.settings import PostgresSettings

POLL_S = 0.1
"""Adds at most this to a measured latency; small against the target of three seconds."""

Key = tuple[str, int]
_SEEN = {
    "candle": "SELECT symbol, open_time FROM candle WHERE interval = '1h' AND open_time >= %s "
    "AND status = 'final' AND source = 'trades'",
    "forecast": "SELECT symbol, as_of_open_time FROM forecast WHERE target_open_time > %s "
    "AND kind = 'live'",
}


@dataclass(frozen=True)
class Latency:
    """Wall seconds; count is the number of symbol-hours."""

    count: int
    p50_s: float
    p95_s: float
    max_s: float


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile: the smallest value that at least `share` do not exceed."""
    ordered = sorted(values)
    rank = max(1, -(-len(ordered) * round(share * 1000) // 1000))
    return ordered[rank - 1]


def summarise(values: Iterable[float]) -> Latency | None:
    """Return p50, p95 and max, or None without values."""
    listed = list(values)
    if not listed:
        return None
    return Latency(
        count=len(listed),
        p50_s=round(percentile(listed, 0.5), 3),
        p95_s=round(percentile(listed, 0.95), 3),
        max_s=round(max(listed), 3),
    )


def latencies(
    sent_wall_ms: Mapping[Key, float], seen_wall_s: Mapping[Key, float]
) -> dict[Key, float]:
    """Return seconds from the exchange sending the closed kline to the row being readable."""
    return {
        key: seen - sent_wall_ms[key] / 1000
        for key, seen in seen_wall_s.items()
        if key in sent_wall_ms
    }


class ReadableProbe(Thread):
    """Polls Postgres as a reader and notes the wall time at which each row was first seen.

    Args:
        settings: where Postgres is.
        namespace: whose tables to watch.
        from_ms: open time of the first hour to watch; older ones are history.

    Attributes:
        seen: for 'candle' and 'forecast', wall seconds by symbol and open time of the closed hour.
    """

    def __init__(self, settings: PostgresSettings, namespace: Namespace, from_ms: int) -> None:
        super().__init__(name="readable-probe", daemon=True)
        self._settings = settings
        self._namespace = namespace
        self._from = utc_time(from_ms)
        self._stop_asked = Event()
        self.seen: dict[str, dict[Key, float]] = {kind: {} for kind in _SEEN}

    def run(self) -> None:
        """Poll until stopped; a server that is away is polled again."""
        while not self._stop_asked.is_set():
            try:
                self._poll_one_connection()
            except psycopg2.Error:
                self._stop_asked.wait(1.0)

    def _poll_one_connection(self) -> None:
        connection = connect(self._settings, self._namespace, role=READER_ROLE)
        connection.autocommit = True
        try:
            with connection.cursor() as cursor:
                while not self._stop_asked.wait(POLL_S):
                    for kind, sql in _SEEN.items():
                        cursor.execute(sql, (self._from,))
                        rows = cursor.fetchall()
                        now = time.time()
                        for symbol, open_time in rows:
                            self.seen[kind].setdefault((symbol, epoch_ms(open_time)), now)
        finally:
            connection.close()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop_asked.set()
        self.join(timeout=5)

    def closed_hours(self, symbols: Sequence[str]) -> list[int]:
        """Return the open times at which every symbol has a final candle and a forecast row."""
        everywhere = None
        for kind in _SEEN:
            hours = {
                hour
                for hour in {key[1] for key in list(self.seen[kind])}
                if all((symbol, hour) in self.seen[kind] for symbol in symbols)
            }
            everywhere = hours if everywhere is None else everywhere & hours
        return sorted(everywhere or set())
