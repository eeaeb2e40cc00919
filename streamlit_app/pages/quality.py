"""Forecast quality: the model against 'same as the last close', and who serves."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import charts, markup, quality_markup, queries, scoring, screen, state
from streamlit_app.records import ModelRow

WINDOW = timedelta(days=28)


def _load(connection: Connection) -> tuple[pd.DataFrame, list[ModelRow]]:
    newest = queries.newest_final(connection)
    found = pd.DataFrame() if newest is None else queries.scores(connection, newest - WINDOW)
    return found, queries.models(connection)


def _draw(loaded: tuple[pd.DataFrame, list[ModelRow]]) -> None:
    scores, models = loaded
    st.html(quality_markup.serving_model(models))
    if scores.empty:
        st.html(quality_markup.opinion(None))
        return
    usable = scoring.usable(scores)
    pooled = scoring.pooled(usable)
    st.html(quality_markup.opinion(scoring.score(pooled)))
    st.html(quality_markup.score_table(scoring.by_symbol(usable), len(scores) - len(usable)))
    ratios = scoring.running_ratio(pooled)
    if len(ratios) > 1:
        st.vega_lite_chart(
            charts.ratio_frame(ratios, state.zone()), charts.ratio_spec(), key="ratio"
        )
    st.html(quality_markup.model_table(models, state.zone()))


st.fragment(lambda: screen.show(_load, _draw), run_every=screen.refresh_s(times=3))()
st.html(markup.note())
