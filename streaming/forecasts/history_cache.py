"""The last hours of every symbol, kept in memory: what the features are made of.

Loaded from Postgres once at start, then topped up with the rows that changed since. Revisions count:
a repaired hour replaces the earlier one for later forecasts (a forecast made is never changed).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd

from conf.names import HOUR_MS, epoch_ms, utc_time
from streaming.forecasts.pending import VALID_VERDICTS

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

# A row's stamp is older than its commit by at most one transaction, which the statement timeout
# keeps far below this; so nothing that commits late is passed over.
OVERLAP = timedelta(minutes=1)
PANEL_COLUMNS = ["symbol", "open_time_ms", "open", "high", "low", "close", "volume", "is_valid"]

_NEWEST = "SELECT max(open_time) FROM candle WHERE interval = '1h' AND status = 'final'"
_ROWS = """
SELECT symbol, open_time, revision, open::float8, high::float8, low::float8, close, volume::float8,
       verdict, updated_at
FROM candle
WHERE interval = '1h' AND status = 'final' AND symbol = ANY(%(symbols)s)
  AND open_time >= %(first)s AND updated_at >= %(since)s
"""


@dataclass(frozen=True, slots=True)
class CachedHour:
    """One final hour (grain: symbol, open time); the close exact, the rest as features need it."""

    symbol: str
    open_time_ms: int
    revision: int
    open: float | None
    high: float | None
    low: float | None
    close: Decimal | None
    volume: float | None
    is_valid: bool


class HistoryCache:
    """Tail of `hours` final hours per symbol; not thread-safe, one handler owns it.

    Args:
        symbols: whose hours to keep.
        hours: length of the tail, counted back from the newest hour of any symbol.
    """

    def __init__(self, symbols: tuple[str, ...], hours: int) -> None:
        self._symbols = symbols
        self._hours = hours
        self._rows: dict[tuple[str, int], CachedHour] = {}
        self._seen_until: datetime | None = None
        self._newest_ms: int | None = None

    def refresh(self, connection: Connection) -> None:
        """Load the tail at the first call, afterwards only what changed since the last one.

        Raises:
            psycopg2.Error: if the store does not answer.
        """
        with connection.cursor() as cursor:
            if self._newest_ms is None:
                cursor.execute(_NEWEST)
                (newest,) = cursor.fetchone() or (None,)
                if newest is None:
                    return
                self._newest_ms = epoch_ms(newest)
            since = self._seen_until or datetime(1970, 1, 1, tzinfo=UTC)
            cursor.execute(
                _ROWS,
                {
                    "symbols": list(self._symbols),
                    "first": utc_time(self._first_ms(self._newest_ms)),
                    "since": since - OVERLAP if self._seen_until else since,
                },
            )
            fetched = cursor.fetchall()
        self.append(_cached(row) for row in fetched)
        if fetched:
            newest_stamp = max(row[-1] for row in fetched)
            self._seen_until = max(newest_stamp, self._seen_until or newest_stamp)

    def append(self, rows: Iterable[CachedHour]) -> None:
        """Add hours; a higher revision replaces a lower one, hours out of the tail are dropped."""
        for row in rows:
            key = (row.symbol, row.open_time_ms)
            known = self._rows.get(key)
            if known is None or row.revision >= known.revision:
                self._rows[key] = row
            self._newest_ms = max(self._newest_ms or 0, row.open_time_ms)
        first_ms = self._first_ms(self._newest_ms or 0)
        self._rows = {key: row for key, row in self._rows.items() if key[1] >= first_ms}

    def panel(self, until_ms: int) -> pd.DataFrame:
        """Return the long panel of `model.features.build_rows`, no hour after `until_ms` in it."""
        rows = [
            (r.symbol, r.open_time_ms, r.open, r.high, r.low, r.close, r.volume, r.is_valid)
            for r in self._rows.values()
            if r.open_time_ms <= until_ms
        ]
        frame = pd.DataFrame(rows, columns=PANEL_COLUMNS)
        floats = ["open", "high", "low", "close", "volume"]
        return frame.astype(dict.fromkeys(floats, "float64"))

    def hour(self, symbol: str, open_time_ms: int) -> CachedHour | None:
        """Return an hour at its newest revision, None if it is not there."""
        return self._rows.get((symbol, open_time_ms))

    def __len__(self) -> int:
        return len(self._rows)

    def _first_ms(self, newest_ms: int) -> int:
        return max(0, newest_ms - (self._hours - 1) * HOUR_MS)


def _cached(row: tuple[Any, ...]) -> CachedHour:
    symbol, open_time, revision, open_, high, low, close, volume, verdict, _ = row
    return CachedHour(
        symbol=symbol,
        open_time_ms=epoch_ms(open_time),
        revision=revision,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=volume,
        is_valid=verdict in VALID_VERDICTS and close is not None,
    )
