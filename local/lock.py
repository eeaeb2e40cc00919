"""A folder that one process at a time works in."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from local.errors import LocalError


class FolderLock:
    """The operating system's lock on a folder's ``.lock`` file; it ends with its process.

    Args:
        folder: what to lock; made if missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._handle: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            LocalError: if another process (or lock object) has it, or the folder cannot be written.
        """
        if self._handle is not None:
            message = f"this stack is already up in {self._folder}"
            raise LocalError(message)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle = os.open(self._folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(handle, 20).decode().strip()
            os.close(handle)
            message = f"a stack already runs in {self._folder} (process {owner}): stop it first"
            raise LocalError(message) from error
        try:
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            os.close(handle)
            raise self._unwritable(error) from error
        self._handle = handle

    def _unwritable(self, error: OSError) -> LocalError:
        return LocalError(
            f"cannot write into {self._folder} ({error.strerror}): make it writable with some GiB free, or set NEXTHOUR_LOCAL_RUN_DIR"
        )

    def release(self) -> None:
        """Give the lock back. May be repeated."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
