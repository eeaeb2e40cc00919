"""The highest resident memory of processes over a piece of work, from /proc where there is one."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from pathlib import Path

PROC = Path("/proc")
RESET = "5"  # resets VmHWM (man proc_pid_clear_refs)


class Peak:
    """What was resident at most since this was made, of this process and of others beside it.

    Files that are mapped count as far as they were read.

    Args:
        others: process ids, such as that of Spark's JVM; left out where there is no /proc.
    """

    def __init__(self, others: Sequence[int] = ()) -> None:
        self._folders = [PROC / str(process) for process in ("self", *others)]
        for folder in self._folders:
            try:
                (folder / "clear_refs").write_text(RESET)
            except OSError:  # not Linux, or not allowed: the peak of its whole life is told instead
                continue

    def mib(self) -> int:
        """Return MiB, the sum over the processes; one that has ended counts nothing."""
        own, *others = (_high_water_mib(folder) for folder in self._folders)
        if own is None:
            own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return own + sum(other for other in others if other is not None)


def _high_water_mib(folder: Path) -> int | None:
    try:
        status = (folder / "status").read_text()
    except OSError:
        return None
    found = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(found[0].split()[1]) // 1024 if found else None  # a process that is ending has none
