"""The exchange's book and the candle table, as far as a run looks at them while it goes on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import psycopg2

from conf.connections.postgres import fetch
from conf.names import HOUR_MS, epoch_ms, utc_time
from streaming.reconcile.compare import Figures, Key
from tests.support.bundle import Bundle
from tests.support.exchange import ExchangeServer


class Book:
    """Closed hours of the exchange.

    Args:
        exchange: whose.
        live_start_ms: first live hour, UTC epoch ms.
    """

    def __init__(self, exchange: ExchangeServer, live_start_ms: int) -> None:
        self._exchange = exchange
        self._start_ms = live_start_ms

    def now_ms(self) -> int:
        """Return the exchange's time."""
        clock = self._exchange.get("/clock")
        assert isinstance(clock, dict)
        return int(clock["now_ms"])

    def rows(self, since_ms: int | None = None, symbol: str | None = None) -> list[dict[str, Any]]:
        """Return the closed hours from an open time on."""
        wanted: dict[str, object] = {"start_ms": since_ms or self._start_ms, "end_ms": 2**52}
        if symbol is not None:
            wanted["symbol"] = symbol
        rows = self._exchange.get("/oracle/candles", **wanted)
        assert isinstance(rows, list)
        return rows

    def figures(self) -> dict[Key, Figures]:
        """Return all closed hours as candles are compared with them."""
        return {(row["symbol"], row["open_time_ms"]): Figures.from_book(row) for row in self.rows()}

    def recent(self, hours: int = 12) -> set[Key]:
        """Return symbol and open time of the last closed hours."""
        since_ms = max(self._start_ms, self.now_ms() - hours * HOUR_MS)
        return {(row["symbol"], row["open_time_ms"]) for row in self.rows(since_ms)}


class Table:
    """Final hours in Postgres, while it may be away.

    Args:
        settings: whose.
    """

    def __init__(self, settings: Bundle) -> None:
        self._settings = settings

    def final(self, since_ms: int = 0) -> set[Key] | None:
        """Return symbol and open time of final hours from an open time on; None if it is away."""
        rows = self.query(
            "SELECT DISTINCT symbol, open_time FROM candle "
            "WHERE status = 'final' AND source = 'trades' AND open_time >= %s",
            (utc_time(since_ms),),
        )
        return None if rows is None else {(symbol, epoch_ms(time)) for symbol, time in rows}

    def written_at(self, open_ms: int) -> dict[str, datetime]:
        """Return when each symbol's first final row of an hour was written."""
        rows = self.query(
            "SELECT symbol, updated_at FROM candle "
            "WHERE status = 'final' AND revision = 1 AND open_time = %s",
            (utc_time(open_ms),),
        )
        return dict(rows or [])

    def query(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]] | None:
        """Return the rows of a statement; None if Postgres is away."""
        try:
            return fetch(self._settings.postgres, self._settings.namespace, statement, values)
        except psycopg2.Error:
            return None
