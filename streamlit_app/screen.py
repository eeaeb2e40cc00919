"""What every page needs: the shared store, the refresh, and the states in which there is no data."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import TypeVar, cast

import pandas as pd
import streamlit as st
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name
from pydantic import SecretStr

from conf.exchange_time import freshness
from conf.names import Namespace
from conf.settings import DashboardSettings, PostgresSettings, RunSettings
from streamlit_app import collector, export, formatting, state, theme
from streamlit_app.markup import base as markup
from streamlit_app.queries import run as run_queries
from streamlit_app.records.run import RunState
from streamlit_app.store import Store, StoreDownError, StoreNotReadyError

Loaded = TypeVar("Loaded")

# A closed connection must not outlive the settings it was made with.
MAX_STORES = 4
# A minute: long enough that twenty viewers cost little more than one, short enough that a repair of an
# old hour is seen while its viewer still waits for it. Each entry is at most about a megabyte.
KEPT_S = 60.0
MOST_KEPT = 64


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


def _store_key() -> tuple[str, str, int, int]:
    # Reading the settings anew took a twentieth of every refresh.
    return _key_of(tuple((name, os.environ[name]) for name in os.environ if "NEXTHOUR" in name))


@lru_cache(maxsize=MAX_STORES)
def _key_of(_environment: tuple[tuple[str, str], ...]) -> tuple[str, str, int, int]:
    postgres = PostgresSettings()
    return (
        postgres.url.get_secret_value(),
        RunSettings().namespace,
        postgres.statement_timeout_ms,
        postgres.connect_timeout_s,
    )


def store() -> Store:
    """Return the store of the configured namespace, shared by all viewers of this process."""
    return _store(*_store_key())


def _load_once(key: str, _load: Callable[[], object]) -> object:
    return _load()


_kept: Callable[[str, Callable[[], object]], object] = st.cache_resource(
    ttl=KEPT_S, max_entries=MOST_KEPT, show_spinner=False
)(_load_once)


def kept(key: tuple[object, ...], load: Callable[[], Loaded]) -> Loaded:
    """Return what `load` returned within the last `KEPT_S`, to whichever viewer; never change it.

    Args:
        key: what `load` depends on, each part with a `repr` of its own.
        load: reads and computes; an exception of it is not kept.
    """
    whole = repr((*_store_key(), *key))
    return cast(Loaded, _kept(whole, load))


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


def symbols() -> list[str]:
    """Return the followed symbols; those of the settings while the store cannot tell."""
    try:
        found = [info.symbol for info in read(run_queries.symbols)]
    except (StoreDownError, StoreNotReadyError):
        found = []
    return found or list(RunSettings().symbols)


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
    collector.collect_now_and_then(time.monotonic())  # here, for every page refreshes it
    try:
        found = read(run_queries.run_state)
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


def offer_files(name: str, load: Callable[[Connection], pd.DataFrame]) -> None:
    """Draw the buttons that export what is shown; it is read when somebody opens them.

    Args:
        name: of the file, without its ending.
        load: returns the rows.
    """
    # Made at the click, a file belongs to no page: Streamlit throws it out at the second refresh of whichever
    # viewer, and a browser that comes later gets "not found". Those of an open page stay.
    export_box = st.popover(
        "Export", icon=":material/download:", key=f"export-{name}", on_change="rerun"
    )
    if export_box.open:
        with export_box:
            show(load, partial(_offer, name))


def _offer(name: str, rows: pd.DataFrame) -> None:
    st.caption("What this page showed when you opened this: times in UTC, prices exact.")
    for ending, (kind, write) in export.FORMATS.items():
        st.download_button(
            ending.upper() if ending == "csv" else "Parquet",
            data=write(rows),
            file_name=f"{name}.{ending}",
            mime=kind,
            key=f"{name}-{ending}",
            on_click="ignore",
        )
