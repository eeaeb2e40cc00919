"""Ends process groups whose owner died without stopping them: works after `kill -9` and on macOS.

The owner starts this file once as a process of its own session and holds the other end of its
standard input. Each line registers (``+PGID SIGNAL``) or forgets (``-PGID``) a process group. The
end of input means that the owner is gone: the leader of every group still registered is signalled,
then what it leaves behind, and after a bound the rest is killed. Only standard library, so that it starts in milliseconds (``python -I -S``).
"""

from __future__ import annotations

import os
import signal
import sys
import time

GRACE_S = 8.0
POLL_S = 0.05


def _signal_group(group: int, number: int) -> bool:
    """Signal a group; False if no process is left in it."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # macOS: EPERM for a group of zombies
        return False
    return True


def _signal_leader(group: int, number: int) -> bool:
    """Signal a group's leader; False if it is gone. Its id is not reused while the group lives."""
    try:
        os.kill(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _end_members(group: int) -> bool:
    """Ask what a gone leader left to end; False if nothing is left."""
    if not _signal_group(group, 0):
        return False
    if not _signal_leader(group, 0):
        _signal_group(group, signal.SIGTERM)
    return True


def _registered() -> dict[int, int]:
    groups: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        if words and words[0].startswith("+"):
            groups[int(words[0][1:])] = int(words[1])
        elif words:
            groups.pop(int(words[0][1:]), None)
    return groups


def main() -> None:
    """Wait for the owner's end, then end what it left."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups = _registered()
    for group, number in groups.items():
        if _signal_group(group, 0):
            _signal_leader(group, number)
    deadline = time.monotonic() + GRACE_S
    left = set(groups)
    while left and time.monotonic() < deadline:
        left = {group for group in left if _end_members(group)}
        time.sleep(POLL_S)
    for group in left:
        _signal_group(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
