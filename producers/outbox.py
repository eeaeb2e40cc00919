"""Between the event loop and the sink: gathers what one turn of the loop gives out, in its order.

Back-pressure: while the sink is full the sockets are not read, and whoever can wait is made to wait.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from producers.errors import ProducerError
from producers.kafka_sink import Item, KafkaSink
from producers.stream_client import StreamClient


class Outbox:
    """The only way into the sink. Use from the event loop's thread."""

    def __init__(self, sink: KafkaSink, clients: Sequence[StreamClient]) -> None:
        self._sink = sink
        self._clients = clients
        self._gathered: list[Item] = []
        self._loop = asyncio.get_running_loop()
        self._is_paused = False
        self._waiter: asyncio.Task[None] | None = None

    def offer(self, items: Sequence[Item]) -> None:
        """Take records; they go to the sink at the end of this turn of the loop."""
        if not self._gathered:
            self._loop.call_soon(self.flush)
        self._gathered += items

    async def put(self, items: Sequence[Item]) -> None:
        """Take records after all those offered before; waits while the sink is full.

        Raises:
            ProducerError: if the sink has failed.
        """
        self._gathered += items
        self.flush()
        await self._sink.room()

    def flush(self) -> None:
        """Hand over what was gathered."""
        if not self._gathered:
            return
        gathered, self._gathered = self._gathered, []
        self._sink.offer(gathered)
        if self._sink.is_full and not self._is_paused:
            self._is_paused = True
            for client in self._clients:
                client.pause()
            self._waiter = asyncio.create_task(self._resume())

    async def _resume(self) -> None:
        # A sink that fails ends the session elsewhere; until then the sockets may be read.
        with suppress(ProducerError):
            await self._sink.room()
        self._is_paused = False
        for client in self._clients:
            client.resume()
