"""One websocket with its streams in the URL, kept open for ever.

Guarantee: none about completeness. What the exchange sends between two connections is lost here; the
sequencer finds the hole and REST fills it. Pings of the exchange are answered by the library; own
pings find a half-open socket. Back-pressure: messages are read only as fast as `messages` is consumed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from conf.producer import ProducerSettings
from producers.reconnect import Reconnect

log = structlog.get_logger(__name__)

END_OF_CAPTURE = "end of capture"
MAX_MESSAGE_BYTES = 1_048_576


@dataclass(slots=True)
class StreamCounts:
    """What happened to a connection since the start of the process."""

    connects: int = 0
    failures: int = 0
    is_open: bool = False


class StreamClient:
    """Messages of one stream URL, over as many connections as it takes."""

    def __init__(
        self,
        url: str,
        settings: ProducerSettings,
        reconnect: Reconnect,
        on_connect: Callable[[], Awaitable[None]],
    ) -> None:
        """Create a client; opens nothing yet.

        Args:
            url: where to connect.
            settings: bounds.
            reconnect: the waits, shared by all clients of the process.
            on_connect: awaited after each connect, before the first message is handed out.
        """
        self.counts = StreamCounts()
        self._url = url
        self._settings = settings
        self._reconnect = reconnect
        self._on_connect = on_connect

    async def messages(self) -> AsyncIterator[bytes]:
        """Yield each message's bytes; ends only when the exchange says "end of capture"."""
        failures = 0
        while True:
            await asyncio.sleep(self._reconnect.wait_s(failures, time.monotonic()))
            opened_s = time.monotonic()
            try:
                async with self._connect() as connection:
                    self.counts.connects += 1
                    self.counts.is_open = True
                    await self._on_connect()
                    while True:
                        yield await connection.recv(decode=False)
            except ConnectionClosed as closed:
                if _is_end(closed):
                    return
                log.warning("stream closed", reason=str(closed))
            except (OSError, TimeoutError, WebSocketException) as error:
                log.warning("stream not reached", url=self._url.split("?")[0], error=str(error))
            finally:
                self.counts.is_open = False
            self.counts.failures += 1
            failures = self._reconnect.failures_after(failures, time.monotonic() - opened_s)

    def _connect(self) -> connect:
        return connect(
            self._url,
            open_timeout=self._settings.open_timeout_s,
            ping_interval=self._settings.ping_interval_s,
            ping_timeout=self._settings.ping_timeout_s,
            close_timeout=1,
            max_size=MAX_MESSAGE_BYTES,
            compression=None,
            process_exception=_never_retry_inside,
        )


def _never_retry_inside(error: Exception) -> Exception:
    return error


def _is_end(closed: ConnectionClosed) -> bool:
    return closed.rcvd is not None and (closed.rcvd.code, closed.rcvd.reason) == (
        1000,
        END_OF_CAPTURE,
    )
