"""Samples how much memory named process trees hold, for reports.

Unit: MiB of PSS (shared pages divided among their users) where the system tells it, else RSS.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import psutil

MIB = 1024 * 1024


def assign(parents: Mapping[int, int], roots: Mapping[str, int]) -> dict[str, set[int]]:
    """Give each process to the nearest named process above it, so that none counts twice. Pure.

    Args:
        parents: parent process id by process id.
        roots: process id by name.

    Returns:
        Process ids by name; every name is there.
    """
    names = {pid: name for name, pid in roots.items()}
    trees: dict[str, set[int]] = {name: set() for name in roots}
    for pid in parents:
        above, seen = pid, set[int]()
        while above not in names and above in parents and above not in seen:
            seen.add(above)
            above = parents[above]
        if above in names:
            trees[names[above]].add(pid)
    return trees


def resident_bytes(pids: Iterable[int]) -> int:
    """Return the memory of processes; those that are gone count nothing."""
    total = 0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            try:
                total += process.memory_full_info().pss
            except (AttributeError, psutil.AccessDenied):  # not Linux, or someone else's process
                total += process.memory_info().rss
        except psutil.Error:
            continue
    return total


@dataclass(frozen=True)
class Peaks:
    """Highest values so far, MiB.

    Attributes:
        per_process: by name; each at its own moment.
        whole: of the sum, at one moment.
    """

    per_process: dict[str, float]
    whole: float


class MemorySampler:
    """A thread that remembers the peak of each named process tree and of all together.

    It runs from the first `watch` to `stop`.

    Args:
        interval_s: wall seconds between samples.
    """

    def __init__(self, interval_s: float = 1.0) -> None:
        self._interval_s = interval_s
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._roots: dict[str, int] = {}
        self._peaks: dict[str, int] = {}
        self._whole = 0

    def watch(self, name: str, pid: int) -> None:
        """Sample a process and its children from now on; a new pid replaces the name's old one."""
        with self._lock:
            self._roots[name] = pid
            self._peaks.setdefault(name, 0)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
                self._thread.start()

    def sample(self) -> dict[str, int]:
        """Take one sample now, remember its peaks and return bytes by name."""
        with self._lock:
            roots = dict(self._roots)
        parents = {
            process.pid: process.info["ppid"] or 0 for process in psutil.process_iter(["ppid"])
        }
        held = {name: resident_bytes(pids) for name, pids in assign(parents, roots).items()}
        with self._lock:
            for name, size in held.items():
                self._peaks[name] = max(size, self._peaks[name])
            self._whole = max(self._whole, sum(held.values()))
        return held

    def peaks(self) -> Peaks:
        """Return the highest values so far."""
        with self._lock:
            return Peaks(
                per_process={name: size / MIB for name, size in self._peaks.items()},
                whole=self._whole / MIB,
            )

    def _run(self) -> None:
        while not self._end.is_set():
            self.sample()
            self._end.wait(self._interval_s)

    def stop(self) -> Peaks:
        """End after a last sample and return `peaks`. May be repeated, also if nothing ran."""
        if self._thread is not None and not self._end.is_set():
            self._end.set()
            self._thread.join()
            self.sample()
        return self.peaks()
