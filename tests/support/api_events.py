"""Server-sent events as a client reads them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

WAIT_S = 10.0


@dataclass(frozen=True)
class Told:
    """One event as received; `type` is empty where there was only an id."""

    type: str
    data: Any
    id: str | None

    @property
    def name(self) -> str:
        """Short name of a candle or forecast: symbol, hour, revision or version."""
        row = self.data
        hour = (row.get("open_time") or row.get("target_open_time"))[11:13]
        return f"{row['symbol']} {hour} {row.get('revision') or row.get('model_version')}"


def parsed(lines: Iterable[str]) -> Iterator[Told]:
    """Yield what a browser would dispatch, and bare ids."""
    fields: dict[str, str] = {}
    for line in lines:
        if line and not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value
        if not line and fields:
            data = json.loads(fields["data"]) if "data" in fields else None
            yield Told(fields.get("event", ""), data, fields.get("id"))
            fields = {}


def events_of(text: str) -> list[Told]:
    """Return candles and forecasts of a stream that has ended."""
    return [one for one in parsed(text.split("\n")) if one.type in ("candle", "forecast")]


async def read(stream: AsyncIterator[bytes], count: int) -> list[Told]:
    """Return the next events of a stream, candles and forecasts only.

    Raises:
        TimeoutError: if they do not come.
    """
    found: list[Told] = []
    async with asyncio.timeout(WAIT_S):
        while len(found) < count:
            found += events_of((await anext(stream)).decode())
    return found
