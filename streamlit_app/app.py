"""Entry point of the dashboard: `streamlit run streamlit_app/app.py`."""

from __future__ import annotations

import streamlit as st

from streamlit_app import collector, screen, state

st.set_page_config(page_title="nexthour", layout="wide", initial_sidebar_state="collapsed")
screen.style()
page = st.navigation(
    [
        st.Page("views/overview.py", title="Overview", default=True),
        st.Page("views/coin.py", title="Coin", url_path="coin"),
        st.Page("views/analysis.py", title="Analysis", url_path="analysis"),
        st.Page("views/quality.py", title="Forecast quality", url_path="quality"),
        st.Page("views/projection.py", title="Long projection", url_path="projection"),
        st.Page("views/data.py", title="Data quality", url_path="data"),
        st.Page("views/system.py", title="System", url_path="system"),
    ],
    position="top",
)
with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
    header = st.container(width="stretch", key="run-header")
    state.choose_zone()  # first, for the header tells the time in it
with header:
    st.fragment(screen.header, run_every=screen.refresh_s())()
page.run()
collector.freeze_modules()
