"""Forecast quality: the model against 'same as the last close', and who serves."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import charts, markup, quality_markup, queries, scoring, screen, state
from streamlit_app.records import ModelRow, SymbolInfo

WINDOW = timedelta(days=28)
ALT = "The model's error over that of the last close, running"


Loaded = tuple[pd.DataFrame, list[ModelRow], list[SymbolInfo]]


def _load(connection: Connection) -> Loaded:
    newest = queries.newest_final(connection)
    found = pd.DataFrame() if newest is None else queries.scores(connection, newest - WINDOW)
    return found, queries.models(connection), queries.symbols(connection)


def _draw(loaded: Loaded) -> None:
    scores, models, symbols = loaded
    st.html(quality_markup.serving_model(models))
    if scores.empty:
        st.html(quality_markup.opinion(None))
        return
    usable = scoring.usable(scores)
    pooled = scoring.pooled(usable)
    st.html(quality_markup.opinion(scoring.score(pooled)))
    st.html(
        quality_markup.score_table(
            scoring.by_symbol(usable, [info.symbol for info in symbols]), len(scores) - len(usable)
        )
    )
    ratios = scoring.running_ratio(pooled)
    if len(ratios) > 1:
        frame = charts.ratio_frame(ratios, state.zone())
        st.vega_lite_chart(charts.with_rows(charts.ratio_spec(), frame), key="ratio", alt=ALT)
    st.html(quality_markup.model_table(models, state.zone()))


st.fragment(lambda: screen.show(_load, _draw), run_every=screen.refresh_s(times=3))()
st.html(markup.note())
