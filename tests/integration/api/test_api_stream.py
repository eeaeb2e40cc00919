"""The stream: every event once, in one order, whatever commits when; resumable from any id."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.events import hub as hub_module
from api.events.hub import Hub
from api.events.positions import Position, event_id, parse_event_id
from api.events.told import Wanted
from api.queries import events as queries
from api.store import Store
from conf.api import ApiSettings
from conf.connections.postgres import connect
from conf.names import Namespace, epoch_ms
from conf.settings import PostgresSettings
from tests.support.api_data import DAY, HOUR, SYMBOL, add, candle, forecast, insert, refusal
from tests.support.api_events import Told, events_of, parsed, read

pytestmark = pytest.mark.integration

TYPES = frozenset(("candle", "forecast"))
ALL = Wanted(frozenset(), TYPES, provisional=False)
SETTINGS = ApiSettings.model_validate({"sse_poll_s": 0.05, "sse_keepalive_s": 0.2})


@pytest.fixture
def store(postgres: PostgresSettings, namespace: Namespace) -> Iterator[Store]:
    found = Store(postgres, namespace, SETTINGS)
    yield found
    found.close()


@pytest.fixture
def hub(store: Store) -> Hub:
    return Hub(store, SETTINGS)


def now(hour: int, symbol: str = SYMBOL, **changes: Any) -> dict[str, Any]:
    """Return a candle's row that is written now."""
    return candle(symbol, DAY + hour * HOUR, **{"updated_at": datetime.now(UTC), **changes})


def made_now(hour: int, **changes: Any) -> dict[str, Any]:
    return forecast(SYMBOL, DAY + hour * HOUR, **{"written_at": datetime.now(UTC), **changes})


@asynccontextmanager
async def listening(
    hub: Hub, last: str | None = None, wanted: Wanted = ALL
) -> AsyncIterator[AsyncIterator[bytes]]:
    opening = await hub.open(parse_event_id(last) if last else None)
    async with aclosing(hub.stream(opening, wanted, follow=True)) as stream:
        await anext(stream)  # the source
        yield stream


async def since(hub: Hub, last: str | None, wanted: Wanted = ALL) -> list[Told]:
    """Return what a listener is told that comes with an id and does not wait."""
    opening = await hub.open(parse_event_id(last) if last else None)
    parts = [part async for part in hub.stream(opening, wanted, follow=False)]
    return events_of(b"".join(parts).decode())


async def place_now(hub: Hub) -> str:
    return event_id((await hub.open(None)).start)


def names(told: list[Told]) -> list[str]:
    return [one.name for one in told]


async def test_what_is_written_is_told(hub: Hub, writer: Connection) -> None:
    async with listening(hub) as stream:
        insert(writer, "candle", now(1))
        insert(writer, "forecast", made_now(2))
        told = await read(stream, 2)
    assert names(told) == [f"{SYMBOL} 01 1", f"{SYMBOL} 02 v1"]
    assert [one.type for one in told] == ["candle", "forecast"]
    assert told[0].data["close"] == "100.5"
    assert told[1].data["q50"] == "101"


async def test_what_was_there_before_is_not(hub: Hub, writer: Connection) -> None:
    insert(writer, "candle", now(1))
    async with listening(hub) as stream:
        insert(writer, "candle", now(2))
        assert names(await read(stream, 1)) == [f"{SYMBOL} 02 1"]


async def test_repairs_and_refusals_are_told_and_history_is_not(
    hub: Hub, writer: Connection
) -> None:
    refused = refusal(SYMBOL, DAY, "hour is not final", written_at=datetime.now(UTC))
    async with listening(hub) as stream:
        insert(writer, "candle", now(0, verdict="history", source="dump"))
        insert(writer, "candle", now(1, revision=2, source="repair"))
        insert(writer, "forecast", refused)
        told = await read(stream, 2)
    assert names(told) == [f"{SYMBOL} 01 2", f"{SYMBOL} 00 v1"]
    assert told[1].data["refusal_reason"] == "hour is not final"


async def test_running_hours_are_told_on_request_each_time_they_change(
    hub: Hub, writer: Connection
) -> None:
    eager = Wanted(frozenset(), TYPES, provisional=True)
    async with listening(hub, wanted=eager) as stream, listening(hub) as patient:
        running = now(1, status="provisional", verdict=None, trades=1)
        insert(writer, "candle", running)
        (first,) = await read(stream, 1)
        for status, verdict, trades in (("provisional", None, 2), ("final", "complete", 3)):
            with writer, writer.cursor() as cursor:
                cursor.execute(
                    "UPDATE candle SET trades = %s, status = %s, verdict = %s, "
                    "updated_at = clock_timestamp()",
                    (trades, status, verdict),
                )
            (told,) = await read(stream, 1)
            assert (told.data["trades"], told.data["status"]) == (trades, status)
        assert [one.data["status"] for one in await read(patient, 1)] == ["final"]
    assert first.data["trades"] == 1


async def test_a_listener_may_want_some_symbols_or_types_only(hub: Hub, writer: Connection) -> None:
    one = Wanted(frozenset(("OTHER",)), TYPES, provisional=False)
    forecasts = Wanted(frozenset(), frozenset(("forecast",)), provisional=False)
    async with listening(hub, wanted=one) as others, listening(hub, wanted=forecasts) as made:
        insert(writer, "candle", now(1), now(2, "OTHER"))
        insert(writer, "forecast", made_now(3))
        assert names(await read(others, 1)) == ["OTHER 02 1"]
        assert names(await read(made, 1)) == [f"{SYMBOL} 03 v1"]


async def test_what_commits_late_is_told_in_its_place_and_nothing_slips_behind(
    hub: Hub, writer: Connection, postgres: PostgresSettings, namespace: Namespace
) -> None:
    slow = connect(postgres, namespace)
    async with listening(hub) as stream:
        with slow.cursor() as cursor:
            add(cursor, "candle", now(1))  # the earlier transaction, open for long
        insert(writer, "candle", now(2))
        assert await since(hub, await place_now(hub)) == []
        reading = asyncio.create_task(read(stream, 2))
        done, _ = await asyncio.wait([reading], timeout=10 * SETTINGS.sse_poll_s)
        assert not done, "hour 2 waits for the older transaction"
        slow.commit()
        told = await reading
    slow.close()
    assert names(told) == [f"{SYMBOL} 01 1", f"{SYMBOL} 02 1"]
    assert names(await since(hub, told[0].id)) == [f"{SYMBOL} 02 1"]


async def test_what_is_rolled_back_is_not_told(
    hub: Hub, writer: Connection, postgres: PostgresSettings, namespace: Namespace
) -> None:
    other = connect(postgres, namespace)
    async with listening(hub) as stream:
        with other.cursor() as cursor:
            add(cursor, "candle", now(1))
        insert(writer, "candle", now(2))
        other.rollback()
        assert names(await read(stream, 1)) == [f"{SYMBOL} 02 1"]
    other.close()


async def test_from_any_id_one_gets_exactly_the_rest(hub: Hub, writer: Connection) -> None:
    start = await place_now(hub)
    insert(writer, "candle", now(1), now(2, "OTHER"), now(3))
    insert(writer, "forecast", made_now(4), made_now(4, model_version="v.2"))
    insert(writer, "candle", now(5, revision=2, source="repair"))
    whole = await since(hub, start)
    assert len(whole) == 6
    for number, one in enumerate(whole):
        assert await since(hub, one.id) == whole[number + 1 :]
        async with listening(hub, one.id) as stream:
            rest = await read(stream, len(whole) - number - 1)
            assert names(rest) == names(whole[number + 1 :])
    only = Wanted(frozenset(), frozenset(("forecast",)), provisional=False)
    assert names(await since(hub, whole[0].id, only)) == [f"{SYMBOL} 04 v.2", f"{SYMBOL} 04 v1"]


def overlapping(seed: int, count: int, connections: int) -> Iterator[tuple[str, int]]:
    """Yield what random writers do: ("write", n), or ("commit", n) of what n has written."""
    draw = random.Random(seed)
    under_way: list[int] = []
    for _ in range(count):
        while len(under_way) == connections or (under_way and draw.random() < 0.5):
            yield "commit", under_way.pop(draw.randrange(len(under_way)))
        under_way.append(draw.choice([n for n in range(connections) if n not in under_way]))
        yield "write", under_way[-1]
    draw.shuffle(under_way)
    yield from (("commit", n) for n in under_way)


@pytest.mark.parametrize("seed", range(3))
async def test_transactions_that_overlap_at_random_are_told_once_each_to_every_listener(
    store: Store, postgres: PostgresSettings, namespace: Namespace, seed: int
) -> None:
    eager = Hub(store, SETTINGS.model_copy(update={"sse_poll_s": 0.001}))
    writers = [connect(postgres, namespace) for _ in range(6)]
    count, start = 40, await place_now(eager)
    hours = iter(range(count))

    def step(what: str, writer: Connection) -> None:
        if what == "commit":
            writer.commit()
            return
        with writer.cursor() as cursor:
            add(cursor, "candle", now(next(hours)))

    async with listening(eager) as stream:
        reading = asyncio.create_task(read(stream, count))
        for what, number in overlapping(seed, count, len(writers)):
            await asyncio.to_thread(step, what, writers[number])  # the hub looks meanwhile
        told = await reading
    for writer in writers:
        writer.close()
    times = [one.data["open_time"] for one in told]
    assert len(set(times)) == count
    for place in range(-1, count, 6):
        rest = await since(eager, start if place < 0 else told[place].id)
        assert [one.data["open_time"] for one in rest] == times[place + 1 :], "one order for all"


async def test_a_listener_that_was_left_behind_reads_from_the_store(
    hub: Hub, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "KEPT_EVENTS", 2)
    async with listening(hub) as slow, listening(hub) as quick:
        for hour in range(8):
            insert(writer, "candle", now(hour))
            await read(quick, 1)
        assert names(await read(slow, 8)) == [f"{SYMBOL} {hour:02d} 1" for hour in range(8)]


async def test_more_than_a_page_is_told_page_by_page(
    hub: Hub, writer: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "PAGE_ROWS", 3)
    start = await place_now(hub)
    insert(writer, "candle", now(0), now(1))
    insert(writer, "candle", *(now(hour) for hour in range(2, 10)))  # larger than a page
    insert(writer, "forecast", made_now(10))
    insert(writer, "candle", now(11))
    told = await since(hub, start)
    assert [one.data.get("open_time", one.data.get("target_open_time"))[11:13] for one in told] == [
        f"{hour:02d}" for hour in range(12)
    ]


async def test_an_id_that_is_too_old_or_of_another_database_is_a_reset(
    hub: Hub, writer: Connection
) -> None:
    newest = (await hub.open(None)).start
    old = epoch_ms(datetime.now(UTC) - timedelta(hours=25))
    for last, reason in (
        (Position(newest.xid, (), old), "older than 24 hours"),
        (Position(newest.xid + 1000, (), newest.since_ms), "another database"),
    ):
        opening = await hub.open(last)
        parts = [part async for part in hub.stream(opening, ALL, follow=False)]
        told = [one for one in parsed(b"".join(parts).decode().split("\n")) if one.type]
        assert [one.type for one in told] == ["source", "reset"]
        assert reason in told[1].data["reason"]
        assert parse_event_id(str(told[1].id)) >= newest
    insert(writer, "candle", now(1))
    assert names(await since(hub, told[1].id)) == [f"{SYMBOL} 01 1"], "from there it goes on"


@pytest.mark.parametrize(
    ("following", "low", "number"),
    [
        (100, 99, 99),
        (100, 3, 3),
        (2**32 + 10, 5, 2**32 + 5),
        (2**32 + 10, 10, 10),  # not begun yet, hence of the round before
        (2**32 + 10, 2**32 - 1, 2**32 - 1),
        (7 * 2**32, 2**32 - 1, 7 * 2**32 - 1),
        (7 * 2**32 + 1, 0, 7 * 2**32),
    ],
)
def test_a_rows_transaction_is_the_latest_with_its_lower_bits(
    writer: Connection, following: int, low: int, number: int
) -> None:
    expression = queries.FULL_NUMBER.format(low=f"{low}::bigint")
    with writer.cursor() as cursor:
        cursor.execute(f"SELECT {expression} FROM (SELECT {following}::bigint AS next) AS here")
        assert cursor.fetchone() == (number,)


async def test_streams_of_a_database_that_was_replaced_end(hub: Hub) -> None:
    opening = await hub.open(None)
    ahead = Position(opening.newest.xid + 1000, (), opening.newest.since_ms)
    former = replace(opening, newest=ahead, start=ahead)
    async with aclosing(hub.stream(former, ALL, follow=True)) as stream:
        async with asyncio.timeout(10):
            told = b"".join([part async for part in stream]).decode()
    assert [one.type for one in parsed(told.split("\n"))] == ["source"]
    opening = await hub.open(ahead)
    assert opening.missed == "the last event is of another database"
    async with listening(hub):
        pass


async def test_silence_is_broken_by_signs_of_life_that_move_the_place_to_resume(
    hub: Hub, writer: Connection
) -> None:
    async with listening(hub) as stream:
        async with asyncio.timeout(10):
            life = (await anext(stream)).decode()
        assert life.startswith(": still here\nid: ")
        (place,) = parsed(life.split("\n"))
        insert(writer, "candle", now(1))
        assert names(await since(hub, place.id)) == [f"{SYMBOL} 01 1"]


async def test_the_last_listener_to_go_ends_the_looking(hub: Hub, writer: Connection) -> None:
    async with listening(hub) as stream:
        async with listening(hub) as other:
            insert(writer, "candle", now(1))
            for one in (stream, other):
                await read(one, 1)
            assert hub.listeners == 2
        assert hub.listeners == 1
    assert hub.listeners == 0
    insert(writer, "candle", now(2))
    async with listening(hub) as stream:
        insert(writer, "candle", now(3))
        assert names(await read(stream, 1)) == [f"{SYMBOL} 03 1"]


async def test_streams_end_when_the_server_does(hub: Hub) -> None:
    async with listening(hub) as stream:
        hub.close()
        async with asyncio.timeout(5):
            assert [part async for part in stream] == []
