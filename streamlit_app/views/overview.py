"""Overview: the ten coins now."""

from __future__ import annotations

import streamlit as st

from streamlit_app import markup, queries, screen, state
from streamlit_app.records import CoinNow, RunState


def _draw(loaded: tuple[RunState, list[CoinNow]]) -> None:
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
            row.html(markup.coin_row(coin, run.exchange_now, run.wall_now, end, zone))


st.html(markup.note())
st.fragment(
    lambda: screen.show(lambda c: (queries.run_state(c), queries.overview(c)), _draw),
    run_every=screen.refresh_s(),
)()
st.html(markup.strip_legend())
