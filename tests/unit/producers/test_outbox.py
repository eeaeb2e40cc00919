"""What the event loop gives out reaches the sink in order, and a full sink stops the reading."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from producers.errors import SinkBrokenError
from producers.kafka_sink import Item, KafkaSink
from producers.messages import Trade
from producers.outbox import Outbox
from producers.stream_client import StreamClient

pytestmark = pytest.mark.unit


def trade(trade_id: int) -> Trade:
    return Trade("BTCUSDT", trade_id, 1, 1, True, 0, 0, 0, "STREAM")


class Sink(KafkaSink):
    """The sink's own counting of room, without its thread and its broker."""

    def __init__(self, limit: int) -> None:
        self.batches: list[list[int]] = []
        self.limit = limit
        self.open = 0
        self.failure = asyncio.get_running_loop().create_future()
        self._room = asyncio.Event()
        self._room.set()

    def offer(self, items: Sequence[Item]) -> None:
        self.batches.append([item.trade_id for item in items if isinstance(item, Trade)])
        self.open += len(items)
        if self.is_full:
            self._room.clear()

    @property
    def is_full(self) -> bool:
        return self.open > self.limit

    def commit(self) -> None:
        self.open = 0
        self._room.set()


class Client(StreamClient):
    """Notes only whether it may read."""

    def __init__(self) -> None:
        self.is_reading = True

    def pause(self) -> None:
        self.is_reading = False

    def resume(self) -> None:
        self.is_reading = True


async def test_one_turn_of_the_loop_is_one_batch_in_order() -> None:
    sink = Sink(100)
    outbox = Outbox(sink, [])
    outbox.offer([trade(1)])
    outbox.offer([trade(2), trade(3)])
    assert sink.batches == []
    await asyncio.sleep(0)
    assert sink.batches == [[1, 2, 3]]
    outbox.offer([trade(4)])
    await outbox.put([trade(5)])
    assert sink.batches == [[1, 2, 3], [4, 5]], "what came first goes first"


async def test_a_full_sink_stops_the_reading_until_there_is_room() -> None:
    sink, client = Sink(2), Client()
    outbox = Outbox(sink, [client])
    outbox.offer([trade(1), trade(2)])
    outbox.flush()
    assert client.is_reading
    outbox.offer([trade(3)])
    outbox.flush()
    assert not client.is_reading
    waiting = asyncio.create_task(outbox.put([trade(4)]))
    await asyncio.wait([waiting], timeout=0.05)
    assert not waiting.done()
    assert sink.batches[-1] == [4], "handed over, never dropped"
    sink.commit()
    async with asyncio.timeout(5):
        await waiting
        while not client.is_reading:
            await asyncio.sleep(0)


async def test_a_broken_sink_fails_who_waits() -> None:
    sink = Sink(0)
    outbox = Outbox(sink, [Client()])
    waiting = asyncio.create_task(outbox.put([trade(1)]))
    await asyncio.sleep(0)
    sink.failure.set_exception(SinkBrokenError("gone"))
    sink.commit()
    with pytest.raises(SinkBrokenError):
        await waiting
