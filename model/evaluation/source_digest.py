"""A digest of source files: what they made is made anew when they change."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

MODEL = Path(__file__).parents[1]


def source_digest(names: Sequence[str], further: Sequence[Path] = ()) -> str:
    """Return SHA-256 of files.

    Args:
        names: below `model/`.
        further: anywhere.
    """
    files = [*(MODEL / name for name in names), *further]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
