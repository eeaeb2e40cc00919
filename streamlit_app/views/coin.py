"""Coin: bars as they closed, and the forecasts as they were made."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.names import HOUR_MS
from streamlit_app import coin_chart, screen, state
from streamlit_app import formatting as f
from streamlit_app.charts import base, candle_frame, zoom
from streamlit_app.charts.candle_frame import Axis
from streamlit_app.charts.candle_spec import FAN, VIEW, Look, candle_spec
from streamlit_app.coin_chart import CoinChart, Part, Span, Wanted
from streamlit_app.intervals import RANGES
from streamlit_app.markup import base as markup
from streamlit_app.markup import coin as coin_markup
from streamlit_app.queries import run as run_queries
from streamlit_app.records.run import RunState


def _settled(
    connection: Connection, symbol: str, span: Span, since: datetime, until: datetime, axis: Axis
) -> Part:
    key = ("bars", symbol, span.interval.name, span.oldest, since, until, axis.zone.key, axis.tick)
    load = partial(coin_chart.load_part, connection, symbol, span, since, until, axis)
    return screen.kept(key, load)


def _load(connection: Connection, wanted: Wanted) -> tuple[RunState, CoinChart | None]:
    return run_queries.run_state(connection), coin_chart.load(connection, wanted, _settled)


def _draw(loaded: tuple[RunState, CoinChart | None], wanted: Wanted) -> None:
    run, found = loaded
    if found is None:
        st.caption("No candle of this coin yet: history is being loaded.")
        return
    zone, chosen = wanted.zone, wanted.chosen
    head = (found.info, found.newest, found.final, found.forecast)
    st.html(coin_markup.head(*head, run.exchange_now, zone))
    _draw_chart(found, wanted)
    st.html(coin_markup.legend(found.span.interval, chosen))
    st.html(coin_markup.odd_bars(found.odd, found.span.interval, zone))


def _draw_chart(found: CoinChart, wanted: Wanted) -> None:
    """Draw the bars; what the viewer zooms to goes into the address."""
    zone, interval = wanted.zone, found.span.interval
    # A chart is one and the same as long as these are: then its specification must not change.
    names = (wanted.symbol, interval.name, zone.key, *wanted.chosen.names, wanted.chosen.period)
    key = "candles-" + "-".join(str(name) for name in names).replace(" ", "").replace("/", "-")

    def zoomed() -> None:
        event = st.session_state[key]["selection"].get(base.ZOOM)
        times = zoom.zoom_of_event(event)
        state.put_address(
            state.ZOOM_PARAMETER, None if times is None else zoom.zoom_text(times, zone)
        )

    now = zoom.zoom_of(state.address(state.ZOOM_PARAMETER), zone)
    first, begun = st.session_state.get("zoom-begun", ("", None))
    if first != key:
        begun = now
        st.session_state["zoom-begun"] = (key, begun)
    step_ms = interval.hours * HOUR_MS
    look = Look(
        step_ms=step_ms,
        decimals=f.tick_decimals(found.info.tick_size),
        bars="Hour" if interval.hours == 1 else "Bar from",
        indicators=wanted.chosen.names,
        period=wanted.chosen.period,
        zoomed=begun,
    )
    rows = candle_frame.drawn(found.frame, look.panels, found.span.since, zone)
    fan = candle_frame.fan_frame(found.ahead, zone)
    view = candle_frame.view_frame(rows, fan, look.panels, step_ms, now)
    st.vega_lite_chart(
        base.with_rows(candle_spec(look), rows, **{FAN: fan, VIEW: view}),
        key=key,
        alt=f"Bars of {interval.name} of {wanted.symbol} with the forecasts as they were made",
        # A zoom that Streamlit does not know of is undone by every refresh.
        on_select=zoomed,
        selection_mode=base.ZOOM,
    )


def _rows(connection: Connection, wanted: Wanted) -> pd.DataFrame:
    return coin_chart.exported(connection, wanted)


with st.container(horizontal=True, vertical_alignment="bottom"):
    symbol = state.choose_symbol(screen.symbols())
    chosen_range = state.choose_range()
    bars = state.choose_bars()
    chosen = state.choose_indicators()
wanted = Wanted(symbol, RANGES[chosen_range], bars, chosen, state.zone())
st.fragment(
    lambda: screen.show(lambda c: _load(c, wanted), lambda loaded: _draw(loaded, wanted)),
    run_every=screen.refresh_s(),
)()
screen.offer_files(f"{symbol}-{chosen_range.replace(' ', '-')}", partial(_rows, wanted=wanted))
st.html(markup.note())
