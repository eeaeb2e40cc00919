"""Analysis: returns, volatility, correlations, patterns and several coins on one scale, by Spark."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import screen, state
from streamlit_app.charts import analysis as charts
from streamlit_app.charts import base
from streamlit_app.export import frame_of
from streamlit_app.markup import analysis as markup
from streamlit_app.queries import analysis as queries
from streamlit_app.queries import run as run_queries
from streamlit_app.records.analysis import (
    AggregateRow,
    AnalysisRun,
    CorrelationRow,
    PatternRow,
    RebasedRow,
    VolatilityRow,
)
from streamlit_app.records.run import RunState, SymbolInfo

RANGES = {"3 months": 90, "1 year": 365, "3 years": 3 * 365, "all": 36_500}
DAYS, WEEKS = "days", "weeks"
SPANS = {"30 days": "30d", "everything": "whole"}
MOST_POINTS = 400  # of a line: more are finer than a screen's dots


@dataclass(frozen=True)
class Loaded:
    """All that the page shows; without a run there is none yet."""

    state: RunState
    info: SymbolInfo | None
    run: AnalysisRun | None
    rebased: list[RebasedRow]
    aggregates: list[AggregateRow]
    volatility: list[VolatilityRow]
    correlations: list[CorrelationRow]
    pattern: list[PatternRow]


def _since(run: AnalysisRun) -> date:
    return max(date(2009, 1, 3), run.until_time.date() - timedelta(days=RANGES[chosen_range]))


def _load(connection: Connection) -> Loaded:
    now = run_queries.run_state(connection)
    info = run_queries.symbol_info(connection, symbol)
    run = queries.newest_run(connection)
    if run is None:
        return Loaded(now, info, None, [], [], [], [], [])
    since, until = _since(run), run.until_time.date() - timedelta(days=1)

    def kept(name: str, *key: object) -> tuple[object, ...]:
        return ("analysis", name, run.until_time, run.finished_at, *key)

    aggregates = screen.kept(
        kept("aggregates", symbol, since, bars),
        lambda: queries.aggregates(connection, symbol, since, bars == WEEKS),
    )
    shown = min(RANGES[chosen_range], len(aggregates) * (7 if bars == WEEKS else 1))
    every = max(1, math.ceil(shown / MOST_POINTS))
    return Loaded(
        state=now,
        info=info,
        run=run,
        rebased=screen.kept(
            kept("rebased", tuple(compared), since, every),
            lambda: queries.rebased(connection, compared, since, until, every),
        ),
        aggregates=aggregates,
        volatility=screen.kept(
            kept("volatility", symbol, since),
            lambda: queries.volatility(connection, symbol, since),
        ),
        correlations=screen.kept(
            kept("correlations", span), lambda: queries.correlations(connection, SPANS[span])
        ),
        pattern=screen.kept(kept("pattern", symbol), lambda: queries.pattern(connection, symbol)),
    )


def _chart(name: str, spec: base.Spec, frame: pd.DataFrame, alt: str) -> None:
    if frame.empty:
        st.caption("Nothing of it in this range yet.")
        return
    st.vega_lite_chart(base.with_rows(spec, frame), key=name, alt=alt)


def _draw(loaded: Loaded) -> None:
    run, info, now = loaded.run, loaded.info, loaded.state
    if run is None or info is None:
        st.info(
            "No analysis yet. Spark makes one a day from the closed hours; this page fills by itself.",
            icon=":material/hourglass_top:",
        )
        return
    coin = info.base_asset
    st.html(markup.run_line(run, now.exchange_now, now.wall_now, state.zone()))
    st.subheader("Several coins on one scale", anchor=False)
    names = tuple(one.removesuffix("USDT") for one in compared)
    frame = charts.rebased_frame(loaded.rebased)
    _chart("rebased", charts.rebased_spec(names), frame, "Closes over each coin's first day")
    st.subheader(f"Returns of {coin} by {bars}", anchor=False)
    returns = charts.return_frame(loaded.aggregates, 7 if bars == WEEKS else 1)
    _chart("returns", charts.return_spec(), returns, f"Returns of {coin} by {bars}")
    st.subheader(f"Rolling volatility of {coin}", anchor=False)
    volatility = charts.volatility_frame(loaded.volatility)
    _chart("volatility", charts.volatility_spec(), volatility, f"Volatility of {coin}")
    st.subheader("Correlation between coins", anchor=False)
    st.html(markup.correlation_line(loaded.correlations, SPANS[span]))
    matrix = charts.correlation_frame(loaded.correlations)
    _chart("correlation", charts.correlation_spec(), matrix, "Correlations of all pairs of coins")
    st.subheader(f"Hours of the day of {coin}", anchor=False)
    pattern = charts.pattern_frame(loaded.pattern)
    for field, words in (("move", "How far"), ("volume", "How much")):
        alt = f"{words} {coin} moves or trades by hour of the day, UTC"
        _chart(field, charts.pattern_spec(field), pattern, alt)
    st.subheader(f"{coin} by {bars}", anchor=False)
    st.html(markup.aggregate_table(loaded.aggregates, info.tick_size, bars == WEEKS))


def _rows(connection: Connection) -> pd.DataFrame:
    return frame_of(_load(connection).aggregates, AggregateRow)


symbols = screen.symbols()
with st.container(horizontal=True, vertical_alignment="bottom"):
    symbol = state.choose_symbol(symbols)
    chosen_range = state.choose("Range", list(RANGES), "since", default="1 year", width=130)
    bars = state.choose("By", [DAYS, WEEKS], "by", width=110)
    span = state.choose("Correlation over", list(SPANS), "span", width=140)
    compared = state.choose_compared(symbols)
st.fragment(lambda: screen.show(_load, _draw), run_every=screen.refresh_s(times=5))()
screen.offer_files(f"{symbol}-{bars}", _rows)
