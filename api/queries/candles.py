"""Candles: hours as stored, in any revision or as known at a time, and bars of four hours or a day."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api import cursors
from api.params import CandleQuery
from api.queries.base import ALWAYS, FOREVER, Row, Stamped, rows, stamp_of, stamped

HOURS = {"1h": 1, "4h": 4, "1d": 24}
VERDICTS = ["complete", "quiet", "history", "partial", "disputed"]
"""From the best to the worst."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_REVISION = 2_000_000_000

COLUMNS = (
    "symbol, interval, open_time, revision, open, high, low, close, volume, quote_volume, "
    "taker_buy_volume, taker_buy_quote_volume, trades, first_trade_id, last_trade_id, "
    "1 AS hours, 1 AS hours_expected, status, verdict, reason, witness, source, updated_at"
)
_KEYS = "open_time, revision, updated_at"

# The first bar that opens at a time or after it; of hours the hour, of infinity infinity.
_FIRST_BAR = (
    "date_bin(%(step)s, %({name})s::timestamptz + %(step)s - interval '1 microsecond', %(epoch)s)"
)
_WANTED = f"""
FROM candle
WHERE symbol = %(symbol)s AND interval = '1h'
    AND open_time >= {_FIRST_BAR.format(name="first")}
    AND open_time < {_FIRST_BAR.format(name="end")}
    AND updated_at <= %(known_at)s AND (status = 'final' OR %(provisional)s)
"""

# The highest revision of each hour, among those known at the time asked for. A page goes on behind the
# last hour of the bar where the former ended, or before its first one.
_CURRENT = f"""
SELECT DISTINCT ON (open_time) {{columns}} {_WANTED}
    AND open_time > %(after)s::timestamptz + %(to_last_hour)s AND open_time < %(before)s
ORDER BY open_time {{order}}, revision DESC LIMIT %(hours)s
"""

# Where the range alone bounds the page, every row of it may be stamped: a row of a former revision
# never changes, so that the stamp changes when the page does, and nothing needs to be sorted.
_RANGE_KEYS = f"""
SELECT {_KEYS} {_WANTED} AND open_time > %(after)s AND open_time < %(before)s
"""

_REVISIONS = f"""
SELECT {{columns}} {_WANTED}
    AND revision BETWEEN %(least_revision)s AND %(most_revision)s
    AND (open_time, revision) > (%(after)s, %(after_revision)s)
    AND (open_time, revision) < (%(before)s, %(before_revision)s)
ORDER BY open_time {{order}}, revision {{order}} LIMIT %(hours)s
"""

# A bar is over once an hour at or after its end is known, whatever the clock says: exchange time may
# be accelerated, and a halted hour at its end never comes.
_NEWEST = """
SELECT max(open_time) AS open_time FROM (SELECT open_time FROM candle
    WHERE symbol = %(symbol)s AND interval = '1h' AND updated_at <= %(known_at)s
    ORDER BY open_time DESC LIMIT 1) AS last
"""

_BAR_KEYS = f"""
SELECT {_KEYS} FROM ({_CURRENT.format(columns=_KEYS, order="{order}")}) AS hours
UNION ALL
SELECT date_bin(%(step)s, open_time, %(epoch)s), 0, NULL FROM ({_NEWEST}) AS newest
LIMIT %(hours)s + 1
"""  # noqa: S608 - made of constants

# Unknown is not zero: a sum is null where an hour lacks its figure.
_SUM = "CASE WHEN count({name}) = count(*) THEN sum({name}) END AS {name}"
_SUMS = ", ".join(
    _SUM.format(name=name)
    for name in ("volume", "quote_volume", "taker_buy_volume", "taker_buy_quote_volume")
)
_BARS = f"""
WITH newest AS ({_NEWEST}),
hours AS ({_CURRENT.format(columns="*", order="{order}")}),
bars AS (
    SELECT date_bin(%(step)s, open_time, %(epoch)s) AS bar, count(*)::int AS hours,
        bool_or(status = 'provisional') AS is_running,
        (array_agg(open ORDER BY open_time) FILTER (WHERE open IS NOT NULL))[1] AS open,
        max(high) AS high, min(low) AS low,
        (array_agg(close ORDER BY open_time DESC) FILTER (WHERE close IS NOT NULL))[1] AS close,
        {_SUMS},
        CASE WHEN count(trades) = count(*) THEN sum(trades)::bigint END AS trades,
        min(first_trade_id) AS first_trade_id, max(last_trade_id) AS last_trade_id,
        max(array_position(%(verdicts)s, verdict)) AS worst,
        (array_agg(reason ORDER BY open_time) FILTER (WHERE reason IS NOT NULL))[1] AS reason,
        string_agg(DISTINCT source, ',' ORDER BY source) AS source, max(updated_at) AS updated_at
    FROM hours GROUP BY 1
),
judged AS (
    SELECT bars.*, is_running OR hours < %(expected)s AND bar + %(step)s > newest.open_time
        AS is_open FROM bars CROSS JOIN newest
)
SELECT %(symbol)s AS symbol, %(interval)s AS interval, bar AS open_time, NULL::int AS revision,
    open, high, low, close, volume, quote_volume, taker_buy_volume, taker_buy_quote_volume, trades,
    first_trade_id, last_trade_id, hours, %(expected)s AS hours_expected,
    CASE WHEN is_open THEN 'provisional' WHEN hours < %(expected)s THEN 'incomplete' ELSE 'final' END
        AS status,
    CASE WHEN NOT is_open THEN (%(verdicts)s)[worst] END AS verdict,
    reason, NULL::text AS witness, source, updated_at
FROM judged WHERE %(provisional)s OR NOT is_open
ORDER BY bar {{order}} LIMIT %(rows)s
"""  # noqa: S608 - made of constants


class CandlePageQuery:
    """One page of candles: its stamp, its rows and where the next one begins.

    Args:
        query: which candles; its parameters go together.

    Raises:
        api.cursors.CursorError: if the query's cursor is none of this list.
    """

    def __init__(self, query: CandleQuery) -> None:
        self._limit = query.limit
        self._has_revisions = query.revision != "latest"
        keys, self._page = _statements(query)
        self._stamp = stamp_of(keys)
        self._values = _values(query) | _place(query)

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp of the page."""
        return stamped(connection, self._stamp, self._values)

    def rows(self, connection: Connection) -> tuple[list[Row], str | None]:
        """Return the page's documents and the cursor of the next page, None on the last one."""
        found = rows(connection, self._page, self._values)
        if len(found) <= self._limit:
            return found, None
        last = found[self._limit - 1]
        key = [last["open_time"], last["revision"]] if self._has_revisions else [last["open_time"]]
        return found[: self._limit], cursors.encode(key)


def _statements(query: CandleQuery) -> tuple[str, str]:
    """Return the statements of the page's keys and of its rows."""
    if query.interval != "1h":
        return _BAR_KEYS.format(order=query.order), _BARS.format(order=query.order)
    hours = _CURRENT if query.revision == "latest" else _REVISIONS
    keys = hours.format(columns=_KEYS, order=query.order)
    if query.revision == "latest" and _is_one_page(query):
        keys = _RANGE_KEYS
    return keys, hours.format(columns=COLUMNS, order=query.order)


def _is_one_page(query: CandleQuery) -> bool:
    """Tell whether the range has no more hours than the page may have."""
    if query.from_time is None or query.until is None:
        return False
    return query.until - query.from_time <= timedelta(hours=query.limit)


def _values(query: CandleQuery) -> dict[str, Any]:
    """Return what bounds the whole list, and how much of it a page reads."""
    hours = HOURS[query.interval]
    # One row more than asked for tells whether a page follows. Of bars, so many hours reach one bar
    # beyond the page even where the newest one is still running and left out.
    most_hours = query.limit + 1 if hours == 1 else (query.limit + 2) * hours
    is_one = query.revision not in ("latest", "all")
    return {
        "symbol": query.symbol,
        "interval": query.interval,
        "step": timedelta(hours=hours),
        "to_last_hour": timedelta(hours=hours - 1),
        "epoch": EPOCH,
        "first": query.from_time or ALWAYS,
        "end": query.until or FOREVER,
        "known_at": query.as_known_at or FOREVER,
        "provisional": query.provisional,
        "expected": hours,
        "verdicts": VERDICTS,
        "least_revision": int(query.revision) if is_one else 0,
        "most_revision": int(query.revision) if is_one else MOST_REVISION,
        "hours": most_hours,
        "rows": query.limit + 1,
    }


def _place(query: CandleQuery) -> dict[str, Any]:
    """Return where the page begins, as the cursor says."""
    place: dict[str, Any] = {
        "after": ALWAYS,
        "after_revision": 0,
        "before": FOREVER,
        "before_revision": 0,
    }
    if query.cursor is None:
        return place
    side = "after" if query.order == "asc" else "before"
    if query.revision == "latest":
        (place[side],) = cursors.decode(query.cursor, (datetime,))
    else:
        key = cursors.decode(query.cursor, (datetime, int))
        place[side], place[f"{side}_revision"] = key
    return place
