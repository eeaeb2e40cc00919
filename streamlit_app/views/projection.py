"""Long projection: how far a coin may go in half a year, as scenarios without a direction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import formatting as f
from streamlit_app import screen, state
from streamlit_app.charts import base
from streamlit_app.charts import fan as fan_chart
from streamlit_app.export import frame_of
from streamlit_app.markup import base as markup
from streamlit_app.markup import projection as projection_markup
from streamlit_app.queries import projection as queries
from streamlit_app.queries import run as run_queries
from streamlit_app.records.projection import DayClose, Fan, FanDay
from streamlit_app.records.run import RunState, SymbolInfo
from streamlit_app.store import StoreDownError, StoreNotReadyError

BEFORE = timedelta(days=180)
NEWEST = "the newest"


@dataclass(frozen=True)
class Loaded:
    """All that the page shows; without a fan there is none yet."""

    run: RunState
    info: SymbolInfo | None
    fan: Fan | None
    closes: list[DayClose]


def _origins(symbol: str) -> list[datetime]:
    try:
        return screen.read(lambda connection: queries.origins(connection, symbol))
    except (StoreDownError, StoreNotReadyError):
        return []


def _load(connection: Connection, symbol: str, chosen: str) -> Loaded:
    run = run_queries.run_state(connection)
    info = run_queries.symbol_info(connection, symbol)
    origin = f.time_of_address(chosen) or next(iter(queries.origins(connection, symbol)), None)
    fan = queries.fan(connection, symbol, origin) if origin else None
    if fan is None or run.newest_open_time is None:
        return Loaded(run, info, None, [])
    until = min(run.newest_open_time, fan.origin + timedelta(days=len(fan.days)))
    until = max(fan.origin, until.replace(hour=0))
    closes = screen.kept(
        ("closes", symbol, fan.origin, until),
        lambda: queries.day_closes(connection, symbol, fan.origin - BEFORE, until),
    )
    return Loaded(run, info, fan, closes)


def _draw(loaded: Loaded) -> None:
    fan, info, zone = loaded.fan, loaded.info, state.zone()
    if fan is None or info is None:
        st.info(
            "No long projection of this coin yet. It is simulated once a day by the life cycle, from the "
            "days that are known; this page fills by itself.",
            icon=":material/hourglass_top:",
        )
        return
    st.html(projection_markup.introduction(fan, info.tick_size, zone, loaded.run.exchange_now))
    st.vega_lite_chart(
        base.with_rows(
            fan_chart.fan_spec(f.tick_decimals(info.tick_size)),
            fan_chart.fan_frame(fan, zone),
            **{
                fan_chart.PATHS: fan_chart.path_frame(fan, zone),
                fan_chart.CLOSES: fan_chart.close_frame(loaded.closes, zone),
            },
        ),
        key=f"fan-{fan.symbol}",
        alt=f"Fan of simulated paths of {fan.symbol}, {len(fan.days)} days ahead",
    )
    st.html(projection_markup.legend())
    st.html(projection_markup.horizon_table(fan, info.tick_size, zone))


def _rows(connection: Connection) -> pd.DataFrame:
    fan = _load(connection, symbol, origin).fan
    if fan is None:
        return pd.DataFrame()
    rows = frame_of(fan.days, FanDay)
    rows.insert(0, "symbol", fan.symbol)
    rows.insert(1, "origin", pd.Timestamp(fan.origin))
    return rows.assign(last_close=fan.last_close, method=fan.method)


with st.container(horizontal=True):
    symbol = state.choose_symbol(screen.symbols())
    origins = [f.address_time(origin) for origin in _origins(symbol)]
    origin = state.choose("Simulated from", [NEWEST, *origins], "origin", width=210)
st.fragment(
    lambda: screen.show(lambda connection: _load(connection, symbol, origin), _draw),
    run_every=screen.refresh_s(times=5),
)()
screen.offer_files(f"projection-{symbol}", _rows)
st.html(markup.note())
