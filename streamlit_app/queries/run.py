"""Where the prices come from, what time it is on the exchange, which symbols are followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.exchange_time import Sighting
from streamlit_app.queries.base import MOST_SYMBOLS, first, rows
from streamlit_app.records.run import RunInfo, RunState, SymbolInfo

MOST_SIGHTINGS = 2000
LOOK_BACK = timedelta(hours=4)
"""Of exchange time: at a speed of 180 a run that still runs has closed an hour in the last 20 s."""

_NEWEST = """
SELECT open_time FROM candle WHERE interval = '1h' ORDER BY open_time DESC LIMIT 1
"""
_NEWEST_FINAL = """
SELECT open_time FROM candle WHERE interval = '1h' AND status = 'final'
ORDER BY open_time DESC LIMIT 1
"""

# The newest hour is a parameter and not a subquery: with a time that it knows Postgres looks at the
# newest hours alone, else at the whole table.
_RUN_STATE = """
SELECT clock_timestamp() AS wall_now, to_jsonb(r) AS info, r.started_at,
    (SELECT max(updated_at) FROM candle
     WHERE interval = '1h' AND open_time >= %(since)s) AS newest_update
FROM (SELECT) AS always LEFT JOIN run_info r ON true LIMIT 1
"""

# Each sighting is (exchange time, wall time): a producer's report, an hour closed, a forecast made. Every
# coin of the last hours is one, since the promptest row tells the time best.
_SIGHTINGS = """
SELECT exchange_time AS exchange, updated_at AS wall FROM feed_status
WHERE exchange_time IS NOT NULL
UNION ALL
SELECT open_time + interval '1 hour', updated_at FROM candle
WHERE interval = '1h' AND open_time >= %(since)s
    AND status = 'final' AND source = 'trades' AND revision = 1
UNION ALL
SELECT issued_at, written_at FROM forecast WHERE target_open_time >= %(since)s AND kind = 'live'
LIMIT %(limit)s
"""

_SYMBOLS = """
SELECT symbol, base_asset, status, tick_size FROM symbol ORDER BY position LIMIT %(limit)s
"""


def run_state(connection: Connection) -> RunState:
    """Return where the prices come from and what is known of the exchange's time."""
    newest = newest_open_time(connection)
    hour_before: datetime | str = "infinity"
    hours_before: datetime | str = "infinity"
    if newest is not None:
        hour_before, hours_before = newest - timedelta(hours=1), newest - LOOK_BACK
    row = first(connection, _RUN_STATE, since=hour_before)
    assert row is not None
    seen = rows(connection, _SIGHTINGS, since=hours_before, limit=MOST_SIGHTINGS)
    return run_state_of({**row, "newest_open_time": newest}, seen)


def run_state_of(row: Mapping[str, Any], sightings: Sequence[Mapping[str, Any]]) -> RunState:
    """Return the run's state from its rows. Pure."""
    info = None
    if row["info"]:
        fields = row["info"]
        info = RunInfo(
            namespace=fields["namespace"],
            venue=fields["venue"],
            source_label=fields["source_label"],
            speed=float(fields["speed"]),
            started_at=row["started_at"],
        )
    return RunState(
        info=info,
        wall_now=row["wall_now"],
        newest_open_time=row["newest_open_time"],
        newest_update=row["newest_update"],
        sightings=tuple(Sighting(**pair) for pair in sightings),
    )


def newest_open_time(connection: Connection) -> datetime | None:
    """Return the open time of the newest hour of any symbol, running or final."""
    row = first(connection, _NEWEST)
    return row["open_time"] if row else None


def newest_final(connection: Connection) -> datetime | None:
    """Return the open time of the newest final hour of any symbol."""
    row = first(connection, _NEWEST_FINAL)
    return row["open_time"] if row else None


def symbols(connection: Connection) -> list[SymbolInfo]:
    """Return the followed symbols in their order."""
    return [SymbolInfo(**row) for row in rows(connection, _SYMBOLS, limit=MOST_SYMBOLS)]


def symbol_info(connection: Connection, symbol: str | None) -> SymbolInfo | None:
    """Return one symbol, None if it is not followed."""
    return next((info for info in symbols(connection) if info.symbol == symbol), None)
