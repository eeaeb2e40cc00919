"""System: what runs, what is wrong and what to do, feeds, stores, incidents, newest rows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import advice, screen, state
from streamlit_app.advice import Situation
from streamlit_app.export import frame_of
from streamlit_app.markup import feed as feed_markup
from streamlit_app.markup import models as models_markup
from streamlit_app.markup import system as markup
from streamlit_app.queries import data as data_queries
from streamlit_app.queries import incidents as incident_queries
from streamlit_app.queries import models as model_queries
from streamlit_app.queries import projection as projection_queries
from streamlit_app.queries import run as run_queries
from streamlit_app.queries import system as queries
from streamlit_app.records.system import CommitRow, DatabaseRow, Freshness, IncidentRow, JobRow


@dataclass(frozen=True)
class Loaded:
    """All that the page shows."""

    now: Situation
    database: DatabaseRow
    commits: list[CommitRow]
    newest: list[Freshness]
    incidents: list[IncidentRow]


def _load(connection: Connection) -> Loaded:
    waiting, since = data_queries.waiting_repairs(connection)
    situation = Situation(
        run=run_queries.run_state(connection),
        jobs=queries.jobs(connection),
        feeds=queries.feed(connection),
        models=model_queries.models(connection),
        recent=queries.recent_forecasts(connection),
        training=model_queries.last_event(connection, "trained", "failed"),
        drift=model_queries.last_event(connection, "drift"),
        reconciled=next(iter(data_queries.reconcile_runs(connection)), None),
        repairs_waiting=waiting,
        repairs_since=since,
        origin=projection_queries.newest_origin(connection),
    )
    return Loaded(
        now=situation,
        database=queries.database(connection),
        commits=queries.commits(connection),
        newest=queries.freshness(connection),
        incidents=incident_queries.newest(connection),
    )


def _draw(loaded: Loaded) -> None:
    zone, now = state.zone(), loaded.now
    run = now.run
    st.html(markup.run_line(run, zone))
    st.subheader("What to look at", anchor=False)
    st.html(markup.finding_list(advice.findings(now)))
    st.subheader("Jobs", anchor=False)
    st.html(markup.job_table(now.jobs, run.wall_now))
    st.subheader("Feeds", anchor=False)
    st.html(feed_markup.feed_table(now.feeds, run, zone))
    st.subheader("Model and life cycle", anchor=False)
    st.html(models_markup.serving_model(now.models, run.exchange_now))
    st.html(markup.forecast_line(now.recent, zone))
    st.subheader("Stores", anchor=False)
    stores = (loaded.database, loaded.commits, now.reconciled)
    st.html(markup.store_table(*stores, run.wall_now, zone))
    st.subheader("Incidents", anchor=False)
    st.html(markup.incident_table(loaded.incidents, zone))
    st.subheader("Newest rows", anchor=False)
    st.html(markup.freshness_table(loaded.newest, run.wall_now, zone))


def _rows(connection: Connection) -> pd.DataFrame:
    return frame_of(queries.jobs(connection), JobRow).astype({"detail": str})


st.fragment(lambda: screen.show(_load, _draw), run_every=screen.refresh_s())()
screen.offer_files("jobs", _rows)
