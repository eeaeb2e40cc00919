"""The read API on one core, over a filled Postgres."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import connect
from local.ports import HOST
from local.process import ManagedProcess, answers
from tests.bench.store import FilledStore, filled_store
from tests.support.bundle import ROOT


@dataclass(frozen=True)
class World:
    """What a measurement works on."""

    store: FilledStore
    api: ManagedProcess
    url: str

    @property
    def api_mib(self) -> float:
        """Resident memory of the API."""
        return float(psutil.Process(self.api.pid).memory_info().rss) / 2**20

    @property
    def cpu_s(self) -> float:
        """Processor time of the API and of Postgres with all its processes, so far."""
        leader = psutil.Process(self.store.database_pid)
        processes = (psutil.Process(self.api.pid), leader, *leader.children(recursive=True))
        times = [process.cpu_times() for process in processes]
        return sum(one.user + one.system for one in times)


@contextmanager
def running_world(seed: int) -> Iterator[World]:
    """Run the API on the core of its database."""
    with filled_store("bench-api", seed) as store:
        port = store.ports.claim(0, "read API")
        api = ManagedProcess(
            "api",
            [sys.executable, "-c", _pinned(store.server_core)],
            log_dir=store.folder / "logs",
            env={
                "NEXTHOUR_NAMESPACE": store.namespace.name,
                "NEXTHOUR_POSTGRES_URL": store.postgres.url.get_secret_value(),
                "NEXTHOUR_API_PORT": str(port),
            },
            cwd=ROOT,
        )
        api.start()
        try:
            url = f"http://{HOST}:{port}"
            api.wait_ready(answers(f"{url}/healthz"), 60)
            yield World(store, api, url)
        finally:
            api.stop()


def _pinned(core: int) -> str:
    """Return a program that puts itself on a core before it starts a thread, then is the API."""
    return (
        "import os, runpy, sys; "
        f"os.sched_setaffinity(0, {{{core}}}); sys.argv = ['api']; "
        "runpy.run_module('api', run_name='__main__', alter_sys=True)"
    )


def writing(world: World) -> Connection:
    """Return a connection that may write, on the load's core."""
    return connect(world.store.postgres, world.store.namespace)
