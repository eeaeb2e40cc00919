"""Entry point of the dashboard: `streamlit run streamlit_app/app.py`."""

from __future__ import annotations

import streamlit as st

from streamlit_app import screen, state

st.set_page_config(page_title="nexthour", layout="wide", initial_sidebar_state="collapsed")
screen.style()
page = st.navigation(
    [
        st.Page("pages/overview.py", title="Overview", icon=":material/grid_view:", default=True),
        st.Page(
            "pages/coin.py", title="Coin", icon=":material/candlestick_chart:", url_path="coin"
        ),
        st.Page(
            "pages/quality.py",
            title="Forecast quality",
            icon=":material/target:",
            url_path="quality",
        ),
        st.Page(
            "pages/system.py", title="System", icon=":material/monitor_heart:", url_path="system"
        ),
    ],
    position="top",
)
top, side = st.columns([4, 1.3], vertical_alignment="center")
with side:
    state.choose_zone()
with top:
    st.fragment(screen.header, run_every=screen.refresh_s())()
page.run()
