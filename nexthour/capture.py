"""Counts a capture's trades without any part of the system: the yardstick of a replay."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import orjson

GZIP_MAGIC = b"\x1f\x8b"


@dataclass
class CaptureCount:
    """What a capture holds.

    Attributes:
        messages: lines with a combined-stream message of any stream.
        trades: `@trade` messages, repeated ones included.
        ids: distinct trade ids by symbol.
    """

    messages: int = 0
    trades: int = 0
    ids: dict[str, set[int]] = field(default_factory=dict)

    @property
    def distinct(self) -> int:
        """Distinct trades of all symbols."""
        return sum(len(ids) for ids in self.ids.values())


def read_lines(file: Path) -> Iterator[bytes]:
    """Yield the lines of a capture, plain or gzip by its content, not its name."""
    with file.open("rb") as probe:
        zipped = probe.read(2) == GZIP_MAGIC
    with cast("BinaryIO", gzip.open(file)) if zipped else file.open("rb") as lines:
        yield from lines


def count_trades(file: Path) -> CaptureCount:
    """Count the messages and trades of a capture; lines that are no message are passed over."""
    count = CaptureCount()
    for line in read_lines(file):
        try:
            data = orjson.loads(line)["data"]
        except (orjson.JSONDecodeError, KeyError, TypeError):
            continue
        count.messages += 1
        if isinstance(data, dict) and data.get("e") == "trade":
            count.trades += 1
            count.ids.setdefault(data["s"], set()).add(data["t"])
    return count
