"""HTML of the analysis page: what it was made of, and the figures of days or weeks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from streamlit_app import formatting as f
from streamlit_app.markup.base import scrolled, table
from streamlit_app.records.analysis import AggregateRow, AnalysisRun, CorrelationRow

MOST_SHOWN = 120
LATE = timedelta(days=2)


def run_line(run: AnalysisRun, now: datetime | None, wall_now: datetime, zone: ZoneInfo) -> str:
    """Return what the figures are made of, and whether they are old."""
    age = (
        ""
        if now is None or now - run.until_time < LATE
        else (
            f' <span class="nh-dot warn"></span>That is {f.span(now - run.until_time)} ago: does the '
            "analysis still run? See System."
        )
    )
    return (
        f'<p class="nh dim" data-field="analysis">By Spark from {run.hours:,} hours of {run.symbols} '
        f"coins before {f.both_times(run.until_time, zone)}; written "
        f"{f.ago(wall_now - run.finished_at)}. Days and hours are UTC’s; hours that are not there are "
        f"never filled.{age}</p>"
    )


def aggregate_table(rows: Sequence[AggregateRow], tick: Decimal, weekly: bool) -> str:
    """Return the newest days or weeks, the latest first."""
    if not rows:
        return '<p class="nh dim">No day of this coin in this range.</p>'
    lines = [
        (
            f"{row.begin}",
            *(f.rounded_price(value, tick) for value in (row.open, row.high, row.low, row.close)),
            f.percent(row.simple_return),
            f.percent(row.realised_volatility, sign=False),
            f.amount(row.volume),
            f.amount(row.quote_volume),
            f"{row.hours}",
            f"{row.absent}",
        )
        for row in list(reversed(rows))[:MOST_SHOWN]
    ]
    heads = (
        *("Week from" if weekly else "Day", "Open", "High", "Low", "Close", "Return"),
        *("Realised volatility", "Volume", "In USDT", "Hours", "Absent"),
    )
    return scrolled(table(heads, lines, numbers=tuple(range(1, len(heads)))))


def correlation_line(rows: Sequence[CorrelationRow], span: str) -> str:
    """Return what the matrix is of."""
    if not rows:
        return '<p class="nh dim">Too few common hours yet: a correlation needs 360.</p>'
    last = max(row.day for row in rows)
    what = f"the 30 days up to {last}" if span == "30d" else f"everything up to {last}"
    return (
        f'<p class="nh dim">Correlation of hourly log-returns over {what}. Blue moves together, orange '
        "against each other.</p>"
    )
