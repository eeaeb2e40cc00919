"""Coin: hours as they closed, and the forecasts as they were made."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.settings import RunSettings
from streamlit_app import charts, coin_markup, markup, queries, screen, state
from streamlit_app.records import CandleRow, ForecastRow, SymbolInfo
from streamlit_app.store import StoreDownError, StoreNotReadyError

Loaded = tuple[SymbolInfo | None, list[CandleRow], list[ForecastRow]]


def _symbols() -> list[str]:
    """Return the followed symbols; those of the settings while the store cannot tell."""
    try:
        found = [info.symbol for info in screen.read(queries.symbols)]
    except (StoreDownError, StoreNotReadyError):
        found = []
    return found or list(RunSettings().symbols)


def _load(connection: Connection, symbol: str, length: timedelta) -> Loaded:
    infos = {info.symbol: info for info in queries.symbols(connection)}
    newest = queries.newest_open_time(connection, symbol)
    if newest is None:
        return infos.get(symbol), [], []
    since = newest - length
    candles = queries.candles(connection, symbol, since)
    return infos.get(symbol), candles, queries.forecasts(connection, symbol, since)


def _draw(loaded: Loaded) -> None:
    info, candles, forecasts = loaded
    if info is None or not candles:
        st.caption("No candle of this coin yet.")
        return
    zone = state.zone()
    st.html(coin_markup.head(info, candles, forecasts, zone))
    frame = charts.candle_frame(candles, forecasts, info.tick_size, zone)
    st.vega_lite_chart(
        charts.with_rows(charts.candle_spec(), frame),
        key=f"candles-{info.symbol}",
        alt=f"Hourly candles of {info.symbol} with the forecasts as they were made",
        # A zoom that Streamlit does not know of is undone by every refresh.
        on_select="rerun",
        selection_mode=charts.ZOOM,
    )
    st.html(coin_markup.legend())
    st.html(coin_markup.marked_hours(candles, zone))


with st.container(horizontal=True):
    symbol = state.choose_symbol(_symbols())
    chosen_range = state.choose_range()
st.fragment(
    lambda: screen.show(lambda c: _load(c, symbol, chosen_range), _draw),
    run_every=screen.refresh_s(),
)()
st.html(markup.note())
