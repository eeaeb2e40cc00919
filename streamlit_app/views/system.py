"""System: what runs, how the feeds do, what happened to them, and what was last written."""

from __future__ import annotations

import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from streamlit_app import feed_markup, queries, screen, state, system_markup
from streamlit_app.records import FeedRow, Freshness, IncidentRow, JobRow, RunState

Loaded = tuple[RunState, list[JobRow], list[FeedRow], list[Freshness], list[IncidentRow]]


def _load(connection: Connection) -> Loaded:
    return (
        queries.run_state(connection),
        queries.jobs(connection),
        queries.feed(connection),
        queries.freshness(connection),
        queries.incidents(connection),
    )


def _draw(loaded: Loaded) -> None:
    run, jobs, feeds, newest, incidents = loaded
    zone = state.zone()
    st.html(system_markup.run_line(run, zone))
    st.subheader("Jobs", anchor=False)
    st.html(system_markup.job_table(jobs, run.wall_now))
    st.subheader("Feeds", anchor=False)
    st.html(feed_markup.feed_table(feeds, run, zone))
    st.subheader("Incidents", anchor=False)
    st.html(system_markup.incident_table(incidents, zone))
    st.subheader("Newest rows", anchor=False)
    st.html(system_markup.freshness_table(newest, run.wall_now, zone))


st.fragment(lambda: screen.show(_load, _draw), run_every=screen.refresh_s())()
