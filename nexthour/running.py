"""Runs of this checkout that are up now: their note in `var/RUN/system.json`, status, logs and end."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson
import psutil

NOTE = "system.json"
STOP_TIMEOUT_S = 60.0
"""A whole system stops in some 15 s; a Spark batch under way may take longer."""


@dataclass(frozen=True)
class RunningSystem:
    """A run as its owner noted it.

    Attributes:
        run_dir: where its data and logs are.
        owner: the `nexthour` process that owns all others.
        processes: process ids by name.
        addresses: what a person may open, by name.
    """

    run_dir: Path
    owner: psutil.Process
    processes: dict[str, int]
    addresses: dict[str, str]


def write_note(run_dir: Path, processes: Mapping[str, int], addresses: Mapping[str, str]) -> None:
    """Note this process as owner of a run."""
    note = {
        "pid": os.getpid(),
        "created": psutil.Process().create_time(),
        "processes": dict(processes),
        "addresses": dict(addresses),
    }
    run_dir.mkdir(parents=True, exist_ok=True)
    temporary = run_dir / f".{NOTE}.tmp"
    temporary.write_bytes(orjson.dumps(note))
    temporary.replace(run_dir / NOTE)


def remove_note(run_dir: Path) -> None:
    """Take the note back once everything is stopped."""
    (run_dir / NOTE).unlink(missing_ok=True)


def running_systems(var_dir: Path) -> Iterator[RunningSystem]:
    """Yield the runs whose owner still lives; a pid that another process got does not count."""
    for path in sorted(var_dir.glob(f"*/{NOTE}")):
        note = orjson.loads(path.read_bytes())
        try:
            owner = psutil.Process(note["pid"])
            same = abs(owner.create_time() - note["created"]) < 1
        except psutil.NoSuchProcess:
            continue
        if same:
            yield RunningSystem(path.parent, owner, note["processes"], note["addresses"])


def stop_system(system: RunningSystem) -> bool:
    """Ask a run's owner to stop everything; return whether it did in time."""
    system.owner.terminate()
    try:
        system.owner.wait(STOP_TIMEOUT_S)
    except psutil.TimeoutExpired:
        return False
    return True


def tail(run_dir: Path, name: str, lines: int) -> list[str]:
    """Return the last lines of a part's log.

    Raises:
        FileNotFoundError: if that part has no log; the message lists those that do.
    """
    path = run_dir / "logs" / f"{name}.log"
    if not path.is_file():
        known = ", ".join(sorted(log.stem for log in run_dir.glob("logs/*.log"))) or "none"
        message = f"no log of {name} in {run_dir}; there are: {known}"
        raise FileNotFoundError(message)
    return path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
