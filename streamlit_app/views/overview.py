"""Overview: the ten coins now."""

from __future__ import annotations

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import screen, state
from streamlit_app.markup import base as markup
from streamlit_app.markup import overview as rows_markup
from streamlit_app.overview_table import overview_table
from streamlit_app.queries import overview as queries
from streamlit_app.queries import run as run_queries
from streamlit_app.records.market import CoinNow
from streamlit_app.records.run import RunState

Loaded = tuple[RunState, list[CoinNow]]


def _load(connection: Connection) -> Loaded:
    return run_queries.run_state(connection), queries.overview(connection)


def _draw(loaded: Loaded) -> None:
    run, coins = loaded
    if not coins:
        st.caption("No symbols yet: history is being loaded.")
        return
    end = queries.strip_end([coin.last_final for coin in coins if coin.last_final])
    zone = state.zone()
    rows = st.container(gap="xsmall")
    for coin in coins:
        with rows.container(border=True, key=f"coin-{coin.info.symbol}"):
            name, row = st.columns([1, 11], vertical_alignment="center")
            name.page_link(
                "views/coin.py",
                label=f"**{coin.info.base_asset}**",
                query_params={"symbol": coin.info.symbol},
            )
            row.html(rows_markup.coin_row(coin, run.exchange_now, run.wall_now, end, zone))


def _rows(connection: Connection) -> pd.DataFrame:
    return overview_table(queries.overview(connection))


st.html(markup.note())
st.fragment(lambda: screen.show(_load, _draw), run_every=screen.refresh_s())()
st.html(rows_markup.strip_legend())
screen.offer_files("overview", _rows)
