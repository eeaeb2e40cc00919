"""What every page needs: the shared store, the refresh, and the states in which there is no data."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from pydantic import SecretStr

from conf.exchange_time import freshness
from conf.names import Namespace
from conf.settings import DashboardSettings, PostgresSettings, RunSettings
from streamlit_app import formatting, markup, queries, state, theme
from streamlit_app.records import RunState
from streamlit_app.store import Store, StoreDownError, StoreNotReadyError

Loaded = TypeVar("Loaded")

# A closed connection must not outlive the settings it was made with.
MAX_STORES = 4


def _open_store(
    url: str, namespace: str, statement_timeout_ms: int, connect_timeout_s: int
) -> Store:
    settings = PostgresSettings(
        url=SecretStr(url),
        statement_timeout_ms=statement_timeout_ms,
        connect_timeout_s=connect_timeout_s,
    )
    return Store(settings, Namespace(namespace))


_store: Callable[[str, str, int, int], Store] = st.cache_resource(
    max_entries=MAX_STORES, show_spinner=False, on_release=Store.close
)(_open_store)


def store() -> Store:
    """Return the store of the configured namespace, shared by all viewers of this process."""
    postgres = PostgresSettings()
    return _store(
        postgres.url.get_secret_value(),
        RunSettings().namespace,
        postgres.statement_timeout_ms,
        postgres.connect_timeout_s,
    )


def refresh_s(times: float = 1.0) -> float:
    """Return how often a fragment refreshes, in wall seconds; `times` slows heavier ones down."""
    return DashboardSettings().refresh_s * times


def read(load: Callable[[Connection], Loaded]) -> Loaded:
    """Return what `load` reads in one snapshot.

    Raises:
        StoreDownError: if Postgres does not answer.
        StoreNotReadyError: if the namespace has no tables yet.
    """
    with store().reading() as connection:
        return load(connection)


def show(load: Callable[[Connection], Loaded], draw: Callable[[Loaded], None]) -> None:
    """Draw what was read, or say in one quiet line that there is nothing to draw from.

    The header, on every page, says loudly what is wrong.
    """
    try:
        loaded = read(load)
    except (StoreDownError, StoreNotReadyError):
        st.caption("Nothing to show until the database answers; this page then goes on by itself.")
        return
    draw(loaded)


def style() -> None:
    """Put the style sheet into the page."""
    st.html(theme.STYLE)


def header() -> None:
    """Draw source, exchange time and freshness, or what is wrong."""
    try:
        found = read(queries.run_state)
    except StoreDownError:
        st.error(
            "**The database does not answer.** Nothing on this page is current. "
            f"Trying again every {refresh_s():g} s; start Postgres if it should be running.",
            icon=":material/cloud_off:",
        )
        return
    except StoreNotReadyError:
        st.info(
            "**The run is starting.** Its tables are not there yet; this page fills by itself.",
            icon=":material/hourglass_top:",
        )
        return
    st.html(markup.header(found, state.zone()))
    _warn_if_old(found)


def _warn_if_old(found: RunState) -> None:
    age = found.data_age
    if age is None:
        st.info("No candle yet: history is being loaded.", icon=":material/hourglass_top:")
    elif freshness(age) == "stale":
        st.warning(
            f"**Nothing new for {formatting.span(age)}.** What you see is old: the run has ended, "
            "or its producer or its queries have stopped (see System).",
            icon=":material/schedule:",
        )
