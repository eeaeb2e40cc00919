"""All coins now: newest hour, last close, newest forecast, last hours."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.queries.base import MOST_SYMBOLS, rows
from streamlit_app.queries.run import symbols
from streamlit_app.records.market import STRIP_HOURS, CandleRow, CoinNow, ForecastRow

CANDLE = (
    "symbol, open_time, revision, open, high, low, close, volume, trades, status, verdict, reason, "
    "source, updated_at"
)
FORECAST = (
    "symbol, target_open_time, model_version, issued_at, last_close, q05, q25, q50, q75, q95, "
    "is_fallback, refusal_reason, written_at"
)

_NEWEST_CANDLES = f"""
SELECT c.* FROM (SELECT symbol FROM symbol ORDER BY position LIMIT %(limit)s) AS s
CROSS JOIN LATERAL (SELECT {CANDLE} FROM candle
    WHERE symbol = s.symbol AND interval = '1h' {{condition}}
    ORDER BY open_time DESC, revision DESC LIMIT 1) AS c
"""  # noqa: S608 - made of constants
_NEWEST = _NEWEST_CANDLES.format(condition="")
_NEWEST_FINAL = _NEWEST_CANDLES.format(condition="AND status = 'final'")

# A forecast counts as it was first made, whatever version was also asked later.
_NEWEST_FORECASTS = f"""
SELECT f.* FROM (SELECT symbol FROM symbol ORDER BY position LIMIT %(limit)s) AS s
CROSS JOIN LATERAL (SELECT {FORECAST} FROM forecast
    WHERE symbol = s.symbol AND kind = 'live'
    ORDER BY target_open_time DESC, written_at LIMIT 1) AS f
"""  # noqa: S608 - made of constants

_STRIP = f"""
SELECT {CANDLE} FROM candle_current
WHERE interval = '1h' AND open_time > %(after)s AND open_time <= %(until)s AND status = 'final'
ORDER BY open_time LIMIT %(limit)s
"""  # noqa: S608 - made of constants


def overview(connection: Connection) -> list[CoinNow]:
    """Return each symbol's newest hour, last close, newest forecast and last hours."""
    newest = _by_symbol(connection, _NEWEST, CandleRow)
    final = _by_symbol(connection, _NEWEST_FINAL, CandleRow)
    forecasts = _by_symbol(connection, _NEWEST_FORECASTS, ForecastRow)
    strips: dict[str, list[CandleRow]] = {}
    until = strip_end(list(final.values()))
    if until is not None:
        limit = MOST_SYMBOLS * STRIP_HOURS
        after = until - timedelta(hours=STRIP_HOURS)
        for row in rows(connection, _STRIP, after=after, until=until, limit=limit):
            strips.setdefault(row["symbol"], []).append(CandleRow(**row))
    return [
        CoinNow(
            info=info,
            newest=newest.get(info.symbol),
            last_final=final.get(info.symbol),
            forecast=forecasts.get(info.symbol),
            strip=tuple(strips.get(info.symbol, ())),
        )
        for info in symbols(connection)
    ]


def strip_end(finals: Sequence[CandleRow]) -> datetime | None:
    """Return the newest final hour of any symbol: where all strips end. Pure."""
    return max((row.open_time for row in finals), default=None)


def _by_symbol(connection: Connection, statement: str, record: type[Any]) -> dict[str, Any]:
    found = rows(connection, statement, limit=MOST_SYMBOLS)
    return {row["symbol"]: record(**row) for row in found}
