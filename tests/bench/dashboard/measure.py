"""What is measured: a page's data alone, one viewer, many at once, hours of them."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import Callable
from datetime import timedelta
from zoneinfo import ZoneInfo

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.names import HOUR_MS
from conf.settings import DashboardSettings
from streamlit_app import coin_chart, scoring
from streamlit_app.charts import candle_frame
from streamlit_app.charts.candle_frame import Panels
from streamlit_app.coin_chart import Wanted
from streamlit_app.indicators import NAMES, Chosen
from streamlit_app.queries import data as data_queries
from streamlit_app.queries import overview as overview_queries
from streamlit_app.queries import run as run_queries
from streamlit_app.queries import scores as score_queries
from streamlit_app.store import Store
from tests.bench.dashboard.report import Memory, Timing, timing
from tests.bench.dashboard.viewer import viewer
from tests.bench.dashboard.world import World
from tests.bench.store import SYMBOLS

UTC_ZONE = ZoneInfo("UTC")
DAYS = timedelta(days=90)
VIEWERS = 20
SAMPLES = 24
PAGE = 1  # of a page's fragments: the header is the first one
HANDS = 4
"""Viewers that refresh without a pause while memory is watched: as many as keep one core busy."""
STAY = 150
"""Refreshes after which such a viewer leaves and another one comes."""

COIN = "range=3+months&bars=1+hour&indicators=SMA&indicators=RSI"
PAGES = {
    "overview": ("", ""),
    "coin, 3 days": ("coin", "symbol=BTCUSDT"),
    "coin, 90 days of hours": ("coin", f"symbol=ETHUSDT&{COIN}"),
    "coin, 3 years": ("coin", "symbol=ETHUSDT&range=3+years"),
    "forecast quality, 90 days": ("quality", "window=90+days"),
    "analysis, 1 year": ("analysis", "symbol=BTCUSDT"),
    "long projection": ("projection", "symbol=BTCUSDT"),
    "data quality, 90 days": ("data", "window=90+days"),
    "system": ("system", ""),
}


def page_data(world: World, rounds: int) -> list[Timing]:
    """Time what a page reads and computes, without Streamlit and with nothing kept."""
    store = Store(world.store.postgres, world.store.namespace)

    def chart(bars: str, symbol: str) -> Callable[[Connection], object]:
        wanted = Wanted(symbol, DAYS, bars, Chosen(NAMES, 20), UTC_ZONE)

        def load(connection: Connection) -> object:
            found = coin_chart.load(connection, wanted, coin_chart.load_part)
            assert found is not None
            panels = Panels.of(True)
            rows = candle_frame.drawn(found.frame, panels, found.span.since, UTC_ZONE)
            fan = candle_frame.fan_frame(found.ahead, UTC_ZONE)
            return candle_frame.view_frame(rows, fan, panels, HOUR_MS, None)

        return load

    def quality(connection: Connection) -> object:
        last = run_queries.newest_final(connection)
        assert last is not None
        stable = scoring.STABLE_SYMBOLS
        hours = score_queries.hour_scores(connection, last, DAYS, None, stable)
        return score_queries.scores(connection, last, DAYS, stable), scoring.running_ratio(hours)

    def verdicts(connection: Connection) -> object:
        last = run_queries.newest_final(connection)
        assert last is not None
        return data_queries.verdicts(connection, last - DAYS, last)

    loads: dict[str, list[Callable[[Connection], object]]] = {
        "bars of one hour": [chart("1 hour", symbol) for symbol in SYMBOLS],
        "bars of 4 hours": [chart("auto", symbol) for symbol in SYMBOLS],
        "scores": [quality],
        "verdicts": [verdicts],
        "overview": [lambda c: (run_queries.run_state(c), overview_queries.overview(c))],
    }
    found = []
    for name, ways in loads.items():
        taken = []
        for load in itertools.islice(itertools.cycle(ways), max(rounds, len(ways)) + 1):
            begin = time.perf_counter()
            with store.reading() as connection:
                load(connection)
            taken.append(time.perf_counter() - begin)
        found.append(timing(name, taken[1:]))  # the first one opens the connection
    store.close()
    return found


async def one_viewer(world: World, rounds: int) -> tuple[list[Timing], list[Timing]]:
    """Time opening each page, and refreshing what it shows, for one viewer after the other."""
    opens, refreshes = [], []
    for name, (path, query) in PAGES.items():
        opened, refreshed = [], []
        for _ in range(max(3, rounds // 5)):
            async with viewer(world.url, path, query) as one:
                opened.append(await one.open())
                for _ in range(5):
                    refreshed.append(await one.refresh(one.fragments[PAGE]))
        opens.append(timing(name, opened[1:]))  # the first one is alone with what is kept
        refreshes.append(timing(name, refreshed))
    return opens, refreshes


async def crowd(world: World, seconds: float) -> list[Timing]:
    """Let many viewers come at once and look on, each refreshing as a browser does."""
    interval_s = DashboardSettings().refresh_s
    opened: list[float] = []
    refreshed: list[float] = []
    all_there = asyncio.Event()

    async def look(path: str, query: str) -> None:
        async with viewer(world.url, path, query) as one:
            opened.append(await one.open())
            if len(opened) == VIEWERS:
                all_there.set()
            await all_there.wait()
            await asyncio.sleep(random.uniform(0, interval_s))  # nobody looks up in step
            end_s = time.perf_counter() + seconds

            for fragment in itertools.cycle(one.fragments):
                if time.perf_counter() >= end_s:
                    return
                await asyncio.sleep(interval_s / len(one.fragments))
                refreshed.append(await one.refresh(fragment))

    coins = [("coin", f"symbol={symbol}&{COIN}") for symbol in SYMBOLS]
    looks = (coins + list(PAGES.values()) * 2)[:VIEWERS]
    await asyncio.gather(*(look(path, query) for path, query in looks))
    return [
        timing(f"{VIEWERS} viewers, refresh", refreshed),
        timing(f"{VIEWERS} viewers, all opening in one moment", opened),
    ]


async def hours(world: World, refreshes: int) -> Memory:
    """Refresh as often as one viewer does in hours, while viewers come and go, and watch memory."""
    done = 0
    samples: list[float] = []
    every = max(1, refreshes // SAMPLES)
    coming = itertools.cycle(
        [*PAGES.values(), *(("coin", f"symbol={symbol}&{COIN}") for symbol in SYMBOLS)]
    )

    async def sit() -> None:
        nonlocal done
        while done < refreshes:
            path, query = next(coming)
            async with viewer(world.url, path, query) as one:
                await one.open()
                for fragment in itertools.islice(itertools.cycle(one.fragments), STAY):
                    await one.refresh(fragment)
                    done += 1
                    if done % every == 0:
                        samples.append(round(world.dashboard_mib, 1))

    await asyncio.gather(*(sit() for _ in range(HANDS)))
    per_hour = 2 * 3600 / DashboardSettings().refresh_s  # of two fragments: header and page
    return Memory(
        refreshes=done,
        equals_hours=round(done / per_hour, 2),
        samples_mib=samples[SAMPLES // 4 :] or samples,
    )
