"""What the coin page shows, read from the store: old bars now and then, new ones at every refresh.

A chart of years is thousands of hours of which only the last ones change, and twenty viewers look at
the same ones. So bars that closed `SETTLED` ago are kept for a while by the process and shared; a
repair of such an hour is seen within that while.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pandas as pd
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app.charts import candle_frame as frames
from streamlit_app.charts.candle_frame import Axis
from streamlit_app.export import frame_of
from streamlit_app.indicators import COLUMNS, Chosen
from streamlit_app.intervals import DAILY, Interval, interval_for
from streamlit_app.queries import bars as bar_queries
from streamlit_app.queries import run as run_queries
from streamlit_app.records.market import BarRow, CandleRow, ForecastRow
from streamlit_app.records.run import SymbolInfo
from streamlit_app.words import bar_words, is_odd

SETTLED = timedelta(hours=48)
# What is kept begins and ends at midnight: if it ended an hour ago, every closed hour would make each
# coin's chart load anew, all in one moment (every 20 s in a demo).
KEPT_BOUNDS = DAILY


@dataclass(frozen=True)
class Wanted:
    """What a viewer asks for; `length` None is all there is."""

    symbol: str
    length: timedelta | None
    bars: str
    chosen: Chosen
    zone: ZoneInfo


@dataclass(frozen=True)
class Span:
    """Which bars: those from `since` are shown, those from `warm_since` are loaded.

    Attributes:
        interval: of a bar.
        oldest: open time of the symbol's first hour.
        warm_since: beginning of the first bar that indicators need.
        since: beginning of the first bar shown.
        fresh_since: beginning of the first bar that is read at every refresh.
        last: beginning of the newest bar.
    """

    interval: Interval
    oldest: datetime
    warm_since: datetime
    since: datetime
    fresh_since: datetime
    last: datetime


@dataclass(frozen=True)
class Part:
    """Some bars of a chart, and what is to be said of those to look at twice (newest last)."""

    frame: pd.DataFrame
    odd: tuple[tuple[datetime, str], ...]


@dataclass(frozen=True)
class CoinChart:
    """All that the coin page shows.

    Attributes:
        info: the symbol.
        span: which bars.
        frame: see `candle_frame.bar_frame`, with indicators, before the cut at `span.since`.
        odd: bars to look at twice, newest first.
        newest: the newest hour.
        final: the newest final one.
        forecast: the newest forecast or refusal.
        ahead: the forecast whose close has not come, None if there is none.
    """

    info: SymbolInfo
    span: Span
    frame: pd.DataFrame
    odd: tuple[tuple[datetime, str], ...]
    newest: CandleRow
    final: CandleRow | None
    forecast: ForecastRow | None
    ahead: ForecastRow | None


LoadPart = Callable[[Connection, str, Span, datetime, datetime, Axis], Part]


def span_of(oldest: datetime, newest: datetime, wanted: Wanted) -> Span:
    """Return which bars a range has. Pure."""
    length = wanted.length if wanted.length is not None else newest - oldest
    interval = interval_for(length, wanted.bars)
    first = interval.floor(oldest)
    since = max(first, interval.floor(newest - length))
    warm_since = max(first, _bound(since - wanted.chosen.warm_up * interval.step, interval))
    fresh_since = max(warm_since, _bound(newest - SETTLED, interval))
    return Span(interval, oldest, warm_since, since, fresh_since, interval.floor(newest))


def _bound(time: datetime, interval: Interval) -> datetime:
    return interval.floor(KEPT_BOUNDS.floor(time))


def load_part(
    connection: Connection, symbol: str, span: Span, since: datetime, until: datetime, axis: Axis
) -> Part:
    """Return the bars from `since` to before `until`."""
    interval = span.interval
    found = [
        begun_inside(bar, span.oldest)
        for bar in bar_queries.bars(connection, symbol, interval, since, until)
    ]
    made: list[ForecastRow] = []
    scores = []
    if interval.hours == 1:
        made = bar_queries.forecasts(connection, symbol, since, until)
    else:
        scores = bar_queries.bar_scores(connection, symbol, interval, since, until)
    last = until - interval.step
    frame = frames.bar_frame(found, made, scores, (since, last), axis)
    return Part(frame, odd_bars(found, (since, last), interval))


def begun_inside(bar: BarRow, oldest: datetime) -> BarRow:
    """Return a bar that expects no hour before the symbol's first one. Pure."""
    hours_before = (oldest - bar.open_time) // timedelta(hours=1)
    if hours_before <= 0:
        return bar
    return replace(bar, expected=max(1, bar.expected - hours_before))


def odd_bars(
    bars: list[BarRow], span: tuple[datetime, datetime], interval: Interval
) -> tuple[tuple[datetime, str], ...]:
    """Return the bars to look at twice, oldest first, with what is to be said of each. Pure."""
    by_time = {bar.open_time: bar for bar in bars}
    times = frames.times_between(*span, interval)
    found = ((time, by_time.get(time)) for time in times)
    return tuple((time, bar_words(bar)) for time, bar in found if is_odd(bar))


def load(connection: Connection, wanted: Wanted, load_settled: LoadPart) -> CoinChart | None:
    """Return what the page shows, None where there is no candle of the symbol.

    Args:
        connection: in one snapshot.
        wanted: what to show.
        load_settled: `load_part`, or something that remembers what it returned.
    """
    info = run_queries.symbol_info(connection, wanted.symbol)
    ends = bar_queries.ends(connection, wanted.symbol)
    if info is None or ends is None:
        return None
    span = span_of(*ends, wanted)
    axis = Axis(span.interval, info.tick_size, wanted.zone)
    parts = []
    if span.fresh_since > span.warm_since:
        parts.append(
            load_settled(connection, wanted.symbol, span, span.warm_since, span.fresh_since, axis)
        )
    until = span.last + span.interval.step
    parts.append(load_part(connection, wanted.symbol, span, span.fresh_since, until, axis))
    newest, final = bar_queries.newest_hours(connection, wanted.symbol)
    forecast = bar_queries.newest_forecast(connection, wanted.symbol)
    ahead = not_closed(forecast, final)
    return CoinChart(
        info=info,
        span=span,
        frame=_whole(parts, ahead, span, axis, wanted.chosen),
        odd=tuple(reversed([one for part in parts for one in part.odd if one[0] >= span.since])),
        newest=newest,
        final=final,
        forecast=forecast,
        ahead=ahead,
    )


def exported(connection: Connection, wanted: Wanted) -> pd.DataFrame:
    """Return the bars of the range with exact figures, the forecasts beside them and the indicators."""
    found = load(connection, wanted, load_part)
    if found is None:
        return pd.DataFrame()
    span, symbol = found.span, wanted.symbol
    until = span.last + span.interval.step
    bars = bar_queries.bars(connection, symbol, span.interval, span.since, until)
    made = bar_queries.forecasts(connection, symbol, span.since, until + timedelta(hours=1))
    rows = frame_of(bars, BarRow)
    if span.interval.hours == 1:
        columns = {"target_open_time": "open_time", "reason": "forecast_reason"}
        beside = frame_of(made, ForecastRow).drop(columns=["symbol"]).rename(columns=columns)
        rows = rows.merge(beside, on="open_time", how="outer", sort=True)
    lines = found.frame[["utc_ms", *_chosen_columns(wanted.chosen)]]
    lines = lines.assign(open_time=pd.to_datetime(lines["utc_ms"], unit="ms", utc=True))
    rows["open_time"] = pd.to_datetime(rows["open_time"], utc=True)
    rows = rows.merge(lines.drop(columns=["utc_ms"]), on="open_time", how="left")
    rows.insert(0, "symbol", symbol)
    return rows


def _chosen_columns(chosen: Chosen) -> list[str]:
    return [column for name in chosen.names for column in COLUMNS[name]]


def not_closed(forecast: ForecastRow | None, final: CandleRow | None) -> ForecastRow | None:
    """Return a forecast whose close has not come, None if it has. Pure."""
    if forecast is None or (final and forecast.target_open_time <= final.open_time):
        return None
    return forecast


def _whole(
    parts: list[Part], ahead: ForecastRow | None, span: Span, axis: Axis, chosen: Chosen
) -> pd.DataFrame:
    pieces = [part.frame for part in parts]
    if ahead is not None and span.interval.hours == 1 and ahead.target_open_time > span.last:
        pieces.append(frames.ahead_row(ahead, axis))
    frame = pd.concat(pieces, ignore_index=True)
    return frames.with_indicators(frames.without_bands(frame, ahead), chosen, span.interval)
