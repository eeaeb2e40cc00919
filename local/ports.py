"""Ports on loopback that two stacks never both choose.

A chosen port lies below the ephemeral ranges of Linux and macOS, so no outgoing connection takes it
between choice and use, and a lock file keeps it from every other process that chooses this way.
The lock is the operating system's: it ends with the process that holds it.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from pathlib import Path

from local.errors import LocalError

HOST = "127.0.0.1"
CHOICE = range(20_000, 32_000)
ATTEMPTS = 500


def lock_dir() -> Path:
    """Return the folder of the lock files, one per user, made if missing."""
    folder = Path(tempfile.gettempdir()) / f"nexthour-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def is_free(port: int) -> bool:
    """Tell whether a server could listen on the loopback port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


class PortClaims:
    """Ports claimed by one owner until `release`."""

    def __init__(self) -> None:
        self._held: dict[int, int] = {}

    def claim(self, wanted: int, purpose: str, variable: str | None = None) -> int:
        """Claim a port.

        Args:
            wanted: the port, or 0 for any free one.
            purpose: who wants it, for the message.
            variable: the setting that moves it, for the message.

        Raises:
            LocalError: if the wanted port is taken.
        """
        if wanted:
            if not self._take(wanted):
                hint = f", or set {variable} (0 chooses a free one)" if variable else ""
                message = f"port {wanted} ({purpose}) is in use: stop what listens there{hint}"
                raise LocalError(message)
            return wanted
        for _ in range(ATTEMPTS):
            port = random.choice(CHOICE)  # noqa: S311 - no secret
            if self._take(port):
                return port
        message = f"no free port for {purpose} between {CHOICE.start} and {CHOICE.stop}"
        raise LocalError(message)

    def _take(self, port: int) -> bool:
        if port in self._held:
            return False
        handle = os.open(lock_dir() / f"{port}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            return False
        if not is_free(port):
            os.close(handle)
            return False
        self._held[port] = handle
        return True

    def release(self) -> None:
        """Give all claimed ports back."""
        for handle in self._held.values():
            os.close(handle)
        self._held.clear()
