"""What native parts and child processes write to standard error, kept in a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STDERR = 2


@contextmanager
def stderr_to(log: Path) -> Iterator[None]:
    """Append all that is written to standard error meanwhile to a file.

    A process that is started meanwhile keeps on writing there.
    """
    kept = os.dup(STDERR)
    with log.open("ab") as file:
        os.dup2(file.fileno(), STDERR)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)
