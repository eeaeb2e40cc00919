"""The symbols that the run follows."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.queries.base import Row, Stamped, rows, stamp_of, stamped

MOST_SYMBOLS = 5_000
"""All of Binance spot are some 2,000."""
_VALUES = {"most": MOST_SYMBOLS}

_SYMBOLS = """
SELECT symbol, status, base_asset, quote_asset, tick_size, step_size, updated_at
FROM symbol ORDER BY position, symbol LIMIT %(most)s
"""
_KEYS = "SELECT symbol, position, updated_at FROM symbol LIMIT %(most)s"


class SymbolListQuery:
    """All symbols, in the run's order."""

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp of the list."""
        return stamped(connection, stamp_of(_KEYS), _VALUES)

    def rows(self, connection: Connection) -> tuple[list[Row], None]:
        """Return the documents."""
        return rows(connection, _SYMBOLS, _VALUES), None
