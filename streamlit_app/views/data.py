"""Data quality: how complete the candles are, what was lost, filled, late, changed and repaired."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.contracts.incidents import IncidentKind
from streamlit_app import screen, state
from streamlit_app.export import frame_of
from streamlit_app.markup import data as markup
from streamlit_app.markup import system as system_markup
from streamlit_app.queries import data as queries
from streamlit_app.queries import incidents as incident_queries
from streamlit_app.queries import run as run_queries
from streamlit_app.queries import system as system_queries
from streamlit_app.records.data import (
    HistoryRow,
    IncidentCount,
    ReconcileDifference,
    ReconcileResult,
    ReconcileRun,
    RepairRow,
    RevisionRow,
    VerdictRow,
)
from streamlit_app.records.run import RunState, SymbolInfo
from streamlit_app.records.system import IncidentRow, JobRow
from streamlit_app.scoring import WINDOWS

ALL = "all"
MOST_SHOWN = 200
MOST_EXPORTED = 50_000


@dataclass(frozen=True)
class Loaded:
    """All that the page shows."""

    run: RunState
    symbols: list[SymbolInfo]
    verdicts: list[VerdictRow]
    counts: list[IncidentCount]
    jobs: list[JobRow]
    runs: list[ReconcileRun]
    results: list[ReconcileResult]
    differences: list[ReconcileDifference]
    revisions: list[RevisionRow]
    repairs: list[RepairRow]
    history: list[HistoryRow]
    incidents: list[IncidentRow]


def _load(connection: Connection, window: str, kind: str, coin: str) -> Loaded:
    run = run_queries.run_state(connection)
    symbols = run_queries.symbols(connection)
    newest = run_queries.newest_final(connection)
    verdicts: list[VerdictRow] = []
    revisions: list[RevisionRow] = []
    counts: list[IncidentCount] = []
    incidents: list[IncidentRow] = []
    if newest is not None:
        # The newest hour is closing for one coin after the other: it is no hole for those that wait.
        last = newest - timedelta(hours=1)
        after = last - WINDOWS[window]
        verdicts = screen.kept(
            ("verdicts", window, last), lambda: queries.verdicts(connection, after, last)
        )
        revisions = queries.revisions(connection, after, newest)
        counts = incident_queries.counts(connection, after)
        incidents = _incidents(connection, newest, window, kind, coin, MOST_SHOWN)
    runs = queries.reconcile_runs(connection)
    return Loaded(
        run=run,
        symbols=symbols,
        verdicts=verdicts,
        counts=counts,
        jobs=system_queries.jobs(connection),
        runs=runs,
        results=queries.reconcile_results(connection, runs[0].id) if runs else [],
        differences=queries.reconcile_differences(connection, runs[0].id) if runs else [],
        revisions=revisions,
        repairs=queries.repairs(connection),
        history=queries.history(connection),
        incidents=incidents,
    )


def _incidents(
    connection: Connection, newest: datetime, window: str, kind: str, coin: str, limit: int
) -> list[IncidentRow]:
    since = newest - WINDOWS[window]
    wanted = (None if kind == ALL else kind, None if coin == ALL else coin)
    return incident_queries.chosen(connection, since, *wanted, limit)


def _draw(loaded: Loaded, window: str) -> None:
    zone, now = state.zone(), loaded.run.wall_now
    st.html(markup.verdict_line(loaded.verdicts, window))
    st.html(markup.verdict_table(loaded.verdicts))
    st.subheader("Holes in the trade ids", anchor=False)
    st.html(markup.gap_table(loaded.counts, zone))
    st.subheader("Late and refused records", anchor=False)
    st.html(markup.late_table(loaded.counts, zone))
    st.html(markup.rejection_table(loaded.jobs))
    st.subheader("Stores compared", anchor=False)
    st.html(
        markup.reconcile_line(loaded.runs, now, zone)
        + markup.reconcile_table(loaded.results)
        + markup.difference_table(loaded.differences, zone)
    )
    st.subheader("Revisions", anchor=False)
    ticks = {info.symbol: info.tick_size for info in loaded.symbols}
    st.html(markup.revision_table(loaded.revisions, ticks, now, zone))
    st.subheader("Repairs", anchor=False)
    st.html(markup.repair_table(loaded.repairs, now, zone))
    st.subheader("Incidents", anchor=False)
    st.html(system_markup.incident_table(loaded.incidents, zone))
    st.subheader("Loaded history", anchor=False)
    st.html(markup.history_table(loaded.history, now))


def _rows(connection: Connection) -> pd.DataFrame:
    newest = run_queries.newest_final(connection)
    found = (
        [] if newest is None else _incidents(connection, newest, window, kind, coin, MOST_EXPORTED)
    )
    return frame_of(found, IncidentRow)


with st.container(horizontal=True):
    window = state.choose("Window", list(WINDOWS), "window", default="7 days", width=130)
    kinds = [ALL, *(kind.value for kind in IncidentKind)]
    kind = state.choose("Incidents of kind", kinds, "kind", width=180)
    coin = state.choose("Incidents of coin", [ALL, *screen.symbols()], "of", width=160)
st.fragment(
    lambda: screen.show(
        lambda connection: _load(connection, window, kind, coin),
        lambda loaded: _draw(loaded, window),
    ),
    run_every=screen.refresh_s(times=3),
)()
screen.offer_files(f"incidents-{window.replace(' ', '-')}", _rows)
