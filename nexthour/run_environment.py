"""Which run a command speaks to: the environment's, or one of this checkout that is up now."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil

from local.errors import LocalError
from nexthour.running import RunningSystem, running_systems

PREFIX = "NEXTHOUR_"
TELLING_PARTS = ("spark", "producer")
"""Parts that know every address of their run, the later ones too."""


@contextmanager
def environment_of_run(name: str | None, var_dir: Path) -> Iterator[None]:
    """Let settings be read here as the processes of a local run read them.

    Args:
        name: demo, replay or live; None leaves the environment as it is.
        var_dir: where the runs of this checkout are.

    Raises:
        LocalError: if that run is not up; the message says which are.
    """
    with variables_set({} if name is None else _of(name, list(running_systems(var_dir)))):
        yield


@contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Add variables to this process's environment for a while; afterwards it is as it was."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _of(name: str, systems: list[RunningSystem]) -> dict[str, str]:
    for system in systems:
        if system.run_dir.name == name:
            return _variables(system)
    up = ", ".join(system.run_dir.name for system in systems) or "none"
    message = f"no run {name!r} is up here (up: {up}); leave --run out to use the environment"
    raise LocalError(message)


def _variables(system: RunningSystem) -> dict[str, str]:
    for part in TELLING_PARTS:
        pid = system.processes.get(part)
        try:
            found = psutil.Process(pid).environ() if pid else {}
        except psutil.Error:
            continue
        if found:
            return {key: value for key, value in found.items() if key.startswith(PREFIX)}
    message = f"{system.run_dir.name} is not far enough yet: wait until its pipeline runs"
    raise LocalError(message)
