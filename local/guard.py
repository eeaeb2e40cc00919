"""Ends process groups whose owner died without stopping them: works after `kill -9` and on macOS.

The owner starts this file once as a process of its own session and holds the other end of its
standard input. Each line registers (``+PGID SIGNAL``) or forgets (``-PGID``) a process group. The
end of input means that the owner is gone: every group still registered is signalled and, after a
bound, killed. Only standard library, so that it starts in milliseconds (``python -I -S``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

GRACE_S = 8.0
POLL_S = 0.05


def _send(group: int, number: int) -> bool:
    """Signal a group; False if no process is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS answers so for a group of zombies
        return False
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
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups = _registered()
    deadline = time.monotonic() + GRACE_S
    left = {group for group, number in groups.items() if _send(group, number)}
    while left and time.monotonic() < deadline:
        time.sleep(POLL_S)
        left = {group for group in left if _send(group, 0)}
    for group in left:
        with contextlib.suppress(OSError):
            _send(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
