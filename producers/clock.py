"""The exchange's clock, kept in step while the process runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import structlog

from conf.connections.exchange_clock import ExchangeClock
from producers.threads import in_thread

log = structlog.get_logger(__name__)

IDLE_SYNC_S = 1.0


class KeptClock:
    """Exchange time, asked again at each reconnect and every few seconds."""

    def __init__(self, rest_url: str, speed: float, timeout_s: float) -> None:
        self._rest_url = rest_url.rstrip("/")
        self._speed = speed
        self._timeout_s = timeout_s
        self._clock: ExchangeClock | None = None

    @property
    def is_known(self) -> bool:
        """Whether the exchange was asked with success."""
        return self._clock is not None

    def now_ms(self) -> int:
        """Return the exchange's time, UTC epoch ms; `sync` must have succeeded once."""
        assert self._clock is not None
        return self._clock.now_ms()

    async def sync(self) -> None:
        """Ask the exchange.

        Raises:
            httpx.HTTPError: if it does not answer; the old estimate goes on.
        """
        self._clock = await in_thread(self._ask)

    async def keep(self, every_s: float, is_idle: Callable[[], bool]) -> None:
        """Ask again and again until cancelled; a failure is logged and the old estimate goes on.

        Args:
            every_s: wall seconds between two questions.
            is_idle: whether no message has come yet. An accelerated exchange whose clock is still
                held seems to run ahead, so until then it is asked every second.
        """
        while True:
            await asyncio.sleep(min(every_s, IDLE_SYNC_S) if is_idle() else every_s)
            await self.try_sync()

    async def try_sync(self) -> None:
        """Ask the exchange; a failure is logged and the old estimate goes on."""
        try:
            await self.sync()
        except httpx.HTTPError as error:
            log.warning("exchange's clock not asked", error=str(error))

    def _ask(self) -> ExchangeClock:
        with httpx.Client(timeout=self._timeout_s) as client:
            return ExchangeClock.sync(client, self._rest_url, self._speed)
