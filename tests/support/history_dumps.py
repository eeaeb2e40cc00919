"""Dump files as the exchange's public host has them, with rows of the test's own making."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

from conf.names import HOUR_MS

PER_MS = {"ms": 1, "us": 1_000, "ns": 1_000_000}


def kline_row(
    open_ms: int, unit: str = "ms", *, price: str = "5", high: str = "", quote: str = "50"
) -> str:
    """Return one line of hourly klines: flat at a price, unless a high is given."""
    factor = PER_MS[unit]
    first, last = open_ms * factor, (open_ms + HOUR_MS) * factor - 1
    return f"{first},{price},{high or price},{price},{price},10,{last},{quote},3,4,20,0"


def write_dump(folder: Path, symbol: str, month: str, lines: Sequence[str]) -> Path:
    """Write a month's zip and its checksum where a host has them; return the checksum's path."""
    name = f"{symbol}-1h-{month}"
    place = folder / "data" / "spot" / "monthly" / "klines" / symbol / "1h"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", "\n".join(lines) + "\n")
    checksum = place / f"{name}.zip.CHECKSUM"
    checksum.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {name}.zip\n")
    return checksum
