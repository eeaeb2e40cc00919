"""The ledger of forecasts in Postgres: which hours have no run yet, and the one commit of an hour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

import psycopg2

from conf.connections.postgres import connect
from conf.contracts.forecasts import Forecast
from conf.names import Namespace, epoch_ms, utc_time
from conf.settings import PostgresSettings
from streaming.forecasts.history_cache import HistoryCache
from streaming.forecasts.pending import FinalCandle
from streaming.forecasts.stores import COLUMNS, to_record

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - likewise

T = TypeVar("T")

# One statement for an idle batch: hours from the newest run on; with an empty ledger, hours after
# the newest one that was closed before there was a model (however much older history comes later).
_UNSCORED = """
WITH first AS (
    SELECT coalesce(
        (SELECT max(target_open_time) FROM forecast_run WHERE kind = 'live'),
        (SELECT max(open_time) + interval '1 hour' FROM candle
         WHERE interval = '1h' AND status = 'final' AND updated_at < %(model_since)s),
        '-infinity') AS open_time)
SELECT DISTINCT ON (c.symbol, c.open_time)
       c.symbol, c.open_time, c.verdict, c.reason, c.close IS NOT NULL, c.updated_at,
       clock_timestamp()
FROM candle c
WHERE c.interval = '1h' AND c.status = 'final' AND c.symbol = ANY(%(symbols)s)
  AND c.open_time >= (SELECT open_time FROM first)
ORDER BY c.symbol, c.open_time, c.revision DESC
"""
_HAS_RUN = "SELECT 1 FROM forecast_run WHERE target_open_time = %s AND kind = %s"
_RUN = """
INSERT INTO forecast_run
    (target_open_time, model_version, kind, issued_at, forecasts, refusals, scoring_ms)
VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Unscored:
    """Final candles of hours without a run, and the store's wall time when they were read."""

    candles: list[FinalCandle]
    wall_now_ms: int


@dataclass(frozen=True, slots=True)
class Listing:
    """What the table `symbol` says of a symbol."""

    status: str
    tick: Decimal


class Ledger:
    """Reads and writes the ledger over one connection; opened when first needed.

    Guarantee: an hour's run and its rows are committed together, once per (target hour, kind).
    Every failure to write is raised; a read is tried once more on a new connection.
    """

    def __init__(
        self, settings: PostgresSettings, namespace: Namespace, symbols: tuple[str, ...]
    ) -> None:
        self._settings = settings
        self._namespace = namespace
        self._symbols = symbols
        self._open: Connection | None = None

    def unscored(self, model_since_ms: int) -> Unscored:
        """Return the candles of all hours that have no run and had a model.

        Args:
            model_since_ms: wall time since when there is a model; counts only for an empty ledger.
        """
        return self._read(lambda connection: self._unscored(connection, model_since_ms))

    def listings(self) -> dict[str, Listing]:
        """Return status and tick size by symbol."""

        def query(connection: Connection) -> dict[str, Listing]:
            with connection.cursor() as cursor:
                cursor.execute("SELECT symbol, status, tick_size FROM symbol")
                return {symbol: Listing(status, tick) for symbol, status, tick in cursor}

        return self._read(query)

    def refresh(self, history: HistoryCache) -> None:
        """Bring the history cache up to now."""
        self._read(history.refresh)

    def commit(
        self,
        rows: Sequence[Forecast],
        scoring_ms: float,
        along: Callable[[Cursor], None] = lambda _: None,
    ) -> bool:
        """Write one hour: its run and all its rows in one transaction.

        Args:
            rows: all rows of one target hour and kind, by one model version.
            scoring_ms: wall time from the decision to the forecasts.
            along: writes what belongs to them, in the same transaction.

        Returns:
            False if the hour was there already; nothing is changed then.

        Raises:
            psycopg2.Error: if the store refuses or does not answer; nothing is written then.
        """
        first = rows[0]
        refusals = sum(row.refusal_reason is not None for row in rows)
        run = (
            utc_time(first.target_open_time_ms),
            first.model_version,
            first.kind,
            utc_time(first.issued_at_ms),
            len(rows) - refusals,
            refusals,
            scoring_ms,
        )
        places = ", ".join(f"%({name})s" for name in COLUMNS)
        insert = f"INSERT INTO forecast ({', '.join(COLUMNS)}) VALUES ({places})"  # noqa: S608 - own names
        connection = self.connection()
        with connection, connection.cursor() as cursor:
            cursor.execute(_RUN, run)
            if cursor.rowcount == 0:
                return False
            cursor.executemany(insert, [to_record(row) for row in rows])
            along(cursor)
        return True

    def has_run(self, target_open_time_ms: int, kind: str) -> bool:
        """Tell whether an hour has a run of a kind."""

        def query(connection: Connection) -> bool:
            with connection.cursor() as cursor:
                where = (utc_time(target_open_time_ms), kind)
                cursor.execute(_HAS_RUN, where)
                return cursor.fetchone() is not None

        return self._read(query)

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._open is not None:
            self._open.close()
            self._open = None

    def _unscored(self, connection: Connection, model_since_ms: int) -> Unscored:
        parameters = {"symbols": list(self._symbols), "model_since": utc_time(model_since_ms)}
        with connection.cursor() as cursor:
            cursor.execute(_UNSCORED, parameters)
            rows = cursor.fetchall()
        if not rows:
            return Unscored([], 0)
        candles = [
            FinalCandle(symbol, epoch_ms(opened), verdict, reason, has_close, epoch_ms(arrived))
            for symbol, opened, verdict, reason, has_close, arrived, _ in rows
        ]
        return Unscored(candles, epoch_ms(rows[0][6]))

    def connection(self) -> Connection:
        """Return the open connection, in autocommit mode; opens one if there is none."""
        if self._open is None or self._open.closed:
            self._open = connect(self._settings, self._namespace)
            self._open.autocommit = True  # reads leave no transaction open; writes open their own
        return self._open

    def _read(self, query: Callable[[Connection], T]) -> T:
        try:
            return query(self.connection())
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            self.close()
            return query(self.connection())
