"""Closed-loop load on one core: so many connections, each asking again once it has its answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import aiohttp

from nexthour.latency import percentile
from tests.bench.api.report import Load
from tests.bench.api.world import World

WARM_S = 2.0


@dataclass(frozen=True)
class Ask:
    """One request."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


async def measure(
    world: World, name: str, asks: list[Ask], connections: int, seconds: float
) -> Load:
    """Ask in turn for `seconds` once warm; an answer that is not 200 or 304 is counted as such."""
    turn = itertools.cycle(asks)
    taken_ms: list[float] = []
    statuses: Counter[str] = Counter()
    size = 0
    answered = 0
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(world.url, connector=connector) as session:
        cpu_s = world.cpu_s
        begin_s = time.perf_counter() + WARM_S
        end_s = begin_s + seconds

        async def ask_on() -> None:
            nonlocal size, answered
            while (started_s := time.perf_counter()) < end_s:
                ask = next(turn)
                async with session.get(ask.path, params=ask.params, headers=ask.headers) as answer:
                    body = await answer.read()
                answered += 1
                if started_s >= begin_s:
                    taken_ms.append((time.perf_counter() - started_s) * 1000)
                    statuses[str(answer.status)] += 1
                    size += len(body)

        await asyncio.gather(*(ask_on() for _ in range(connections)))
        took_s = time.perf_counter() - begin_s
        cpu_s = world.cpu_s - cpu_s
    return Load(
        name=name,
        connections=connections,
        requests=len(taken_ms),
        per_s=round(len(taken_ms) / took_s, 1),
        p50_ms=round(percentile(taken_ms, 0.5), 2),
        p95_ms=round(percentile(taken_ms, 0.95), 2),
        p99_ms=round(percentile(taken_ms, 0.99), 2),
        cpu_ms=round(1000 * cpu_s / answered, 2),
        body_kib=round(size / len(taken_ms) / 1024, 1),
        statuses=dict(statuses),
    )


async def tags(url: str, asks: list[Ask]) -> list[Ask]:
    """Return the same requests by a client that holds the answers."""
    held = []
    async with aiohttp.ClientSession(url) as session:
        for ask in asks:
            async with session.get(ask.path, params=ask.params) as answer:
                answer.raise_for_status()
                headers = {"If-None-Match": answer.headers["ETag"]}
                held.append(Ask(ask.path, ask.params, headers))
    return held


def in_turn(asks: Iterator[Ask], count: int) -> list[Ask]:
    """Return the first requests of a series."""
    return list(itertools.islice(asks, count))
