"""What a source of history gives, whatever it is: months, and the chunks of each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from streaming.history.cleaning import Cleaned
from streaming.history.months import Part

Loaded = Mapping[str, str | None]
"""Chunks of one symbol and source that were loaded whole, each with its checksum."""


class BackfillError(Exception):
    """The backfill cannot start or go on; one line that says what to do."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """The hours of one part, sorted out.

    Attributes:
        part: which month or day.
        cleaned: its hours and what was refused.
        checksum: SHA-256 of the file it came from, None if it was no file.
        is_whole: False while the part still grows; it is then asked for again the next time.
    """

    part: Part
    cleaned: Cleaned
    checksum: str | None
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """A chunk of which nothing may be stored, and why (one line)."""

    part: Part
    reason: str


class Source(Protocol):
    """Where history comes from. `name` is what its rows carry in the column `source`."""

    name: str

    async def months(self, symbol: str) -> list[Part]:
        """Return the months to go through, in order.

        Raises:
            BackfillError: if the source does not have the symbol.
        """
        ...

    def is_loaded(self, symbol: str, month: Part, loaded: Loaded) -> bool:
        """Tell whether nothing of a month is left to load."""
        ...

    def read(self, symbol: str, month: Part, loaded: Loaded) -> AsyncIterator[Chunk | Refusal]:
        """Yield the month's chunks, without those that are loaded; nothing if the source has none.

        Raises:
            BackfillError: if the source does not answer.
        """
        ...
