"""Forecast quality: the model against 'same as the last close', and who served when."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import formatting as f
from streamlit_app import scoring, screen, state
from streamlit_app.charts import base, lines, predicted
from streamlit_app.export import frame_of
from streamlit_app.markup import base as markup
from streamlit_app.markup import evaluation as evaluation_markup
from streamlit_app.markup import models as models_markup
from streamlit_app.markup import quality as quality_markup
from streamlit_app.queries import evaluation as evaluation_queries
from streamlit_app.queries import models as model_queries
from streamlit_app.queries import run as run_queries
from streamlit_app.queries import scores as score_queries
from streamlit_app.records.evaluation import EvaluationRun, LeagueRow, Prediction
from streamlit_app.records.forecasts import (
    HourScore,
    ModelEventRow,
    ModelRow,
    ScoreRow,
    ServedRow,
)
from streamlit_app.records.run import RunState, SymbolInfo

ALL = "all but USDC"


@dataclass(frozen=True)
class Loaded:
    """All that the page shows."""

    run: RunState
    scores: list[ScoreRow]
    hours: list[HourScore]
    models: list[ModelRow]
    served: list[ServedRow]
    events: list[ModelEventRow]


@dataclass(frozen=True)
class Evaluated:
    """The last evaluation; without a run none is recorded."""

    state: RunState
    run: EvaluationRun | None
    league: list[LeagueRow]
    info: SymbolInfo | None
    predictions: list[Prediction]


def _load(connection: Connection, window: str, coin: str) -> Loaded:
    last = run_queries.newest_final(connection)
    run = run_queries.run_state(connection)
    if last is None:
        return Loaded(run, [], [], model_queries.models(connection), [], [])
    length = scoring.WINDOWS[window]
    symbol = None if coin == ALL else coin
    stable = scoring.STABLE_SYMBOLS
    return Loaded(
        run=run,
        scores=screen.kept(
            ("scores", window, last),
            lambda: score_queries.scores(connection, last, length, stable),
        ),
        hours=screen.kept(
            ("hours", window, last, symbol),
            lambda: score_queries.hour_scores(connection, last, length, symbol, stable),
        ),
        models=model_queries.models(connection),
        served=model_queries.served(connection, last - length),
        events=model_queries.events(connection),
    )


def _draw(loaded: Loaded, window: str, coin: str) -> None:
    zone = state.zone()
    st.html(models_markup.serving_model(loaded.models, loaded.run.exchange_now))
    st.html(quality_markup.opinion(scoring.pooled(loaded.scores), window))
    if loaded.scores:
        st.html(quality_markup.score_table(loaded.scores))
    running = scoring.running_ratio(loaded.hours)
    if len(running) > 1:
        frame = lines.running_frame(running, zone)
        st.subheader(f"Up to each hour, {coin}", anchor=False)
        for name, spec in (("ratio", lines.ratio_spec()), ("coverage", lines.coverage_spec())):
            st.vega_lite_chart(
                base.with_rows(spec, frame), key=name, alt=f"Running {name} of {coin}, {window}"
            )
    st.subheader("Which model served when", anchor=False)
    if loaded.served:
        frame = lines.served_frame(loaded.served, zone)
        alt = "Which model version served which hours"
        st.vega_lite_chart(base.with_rows(lines.served_spec(), frame), key="served", alt=alt)
    st.html(models_markup.served_table(loaded.served, zone))
    st.subheader("What was done with models", anchor=False)
    st.html(models_markup.event_table(loaded.events, zone))
    st.subheader("Versions", anchor=False)
    st.html(models_markup.model_table(loaded.models, zone))


def _evaluated(connection: Connection, coin: str) -> Evaluated:
    now = run_queries.run_state(connection)
    run = evaluation_queries.newest(connection)
    if run is None:
        return Evaluated(now, None, [], None, [])
    kept = evaluation_queries.predicted_symbols(connection, run.digest)
    symbol = coin if coin in kept else next(iter(kept), None)
    return Evaluated(
        state=now,
        run=run,
        league=evaluation_queries.league(connection, run.digest),
        info=run_queries.symbol_info(connection, symbol),
        predictions=screen.kept(
            ("predictions", run.digest, symbol),
            lambda: evaluation_queries.predictions(connection, run, symbol) if symbol else [],
        ),
    )


def _draw_evaluated(loaded: Evaluated) -> None:
    zone, run, info = state.zone(), loaded.run, loaded.info
    st.subheader("Last evaluation", anchor=False)
    if run is None:
        st.html(evaluation_markup.NONE_YET)
        return
    st.html(evaluation_markup.introduction(run, loaded.league, loaded.state.wall_now, zone))
    st.html(evaluation_markup.league_table(loaded.league))
    if info is None or not loaded.predictions:
        return
    st.subheader(
        f"Actual against predicted, {info.symbol} by {run.shown_model} on the test period",
        anchor=False,
    )
    st.vega_lite_chart(
        base.with_rows(
            predicted.predicted_spec(f.tick_decimals(info.tick_size)),
            predicted.predicted_frame(loaded.predictions, zone),
        ),
        key=f"predicted-{info.symbol}",
        alt=f"Actual closes of {info.symbol} over the median and the 90 % band",
    )
    st.html(evaluation_markup.prediction_table(loaded.predictions, info.tick_size, zone))


def _rows(connection: Connection) -> pd.DataFrame:
    return frame_of(_load(connection, window, coin).scores, ScoreRow)


with st.container(horizontal=True):
    window = state.choose(
        "Window", list(scoring.WINDOWS), "window", default=scoring.DEFAULT_WINDOW, width=130
    )
    coin = state.choose("Coin", [ALL, *screen.symbols()], "coin", width=160)
st.fragment(
    lambda: screen.show(
        lambda connection: _load(connection, window, coin),
        lambda loaded: _draw(loaded, window, coin),
    ),
    run_every=screen.refresh_s(times=3),
)()
st.fragment(
    lambda: screen.show(lambda connection: _evaluated(connection, coin), _draw_evaluated),
    run_every=screen.refresh_s(times=30),
)()
screen.offer_files(f"scores-{window.replace(' ', '-')}", _rows)
st.html(markup.note())
