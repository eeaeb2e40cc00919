"""Dead subscriptions and changes of status raise alarms."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from conf.contracts.incidents import IncidentKind
from conf.names import HOUR_MS
from conf.producer import ProducerSettings
from producers.errors import RestError
from producers.incidents import IncidentLog
from producers.lifecycle import Lifecycle
from producers.questions import Policy, Start
from producers.reconnect import Reconnect, ReconnectPolicy
from producers.rest_client import UNKNOWN_SYMBOL, RestClient
from producers.sequence import Sequencer
from producers.stream_client import StreamClient, StreamContext

pytestmark = pytest.mark.unit

H0 = 1_700_000 * HOUR_MS
SETTINGS = ProducerSettings(silent_after_s=0.05, status_check_s=0.02)


class Rest(RestClient):
    """The exchange as the test says it is: status by symbol (None: not listed), newest id."""

    def __init__(self) -> None:
        self.status: dict[str, str | None] = {"BTCUSDT": "TRADING", "DOTUSDT": "TRADING"}
        self.newest = 9
        self.is_away = False
        self.asked = 0

    async def get(self, path: str, params: dict[str, Any] | None = None) -> Any:
        if self.is_away:
            raise RestError("away")
        self.asked += 1
        names = [name for name in self.status if name in str(params)]
        if any(self.status[name] is None for name in names):
            raise RestError("invalid symbol", status=400, code=UNKNOWN_SYMBOL)
        return {"symbols": [{"symbol": name, "status": self.status[name]} for name in names]}

    async def recent_trades(self, symbol: str, limit: int) -> list[Any]:
        return [{"id": self.newest if symbol == "DOTUSDT" else 9}]


class World:
    def __init__(self) -> None:
        self.rest = Rest()
        self.incidents = IncidentLog("1/1", lambda: H0)
        self.sequencers = {
            symbol: Sequencer(symbol, Policy(), Start(9, H0, H0, 10)) for symbol in self.rest.status
        }
        context = StreamContext(
            SETTINGS,
            Reconnect(ReconnectPolicy(1, 1, 1, 1, 1), lambda: 0.5),
            self.incidents,
            lambda: H0,
            lambda _raw: None,
            lambda: None,
        )
        self.client = StreamClient("ws://x", list(self.sequencers), context)
        self.client.connected_since_ms = H0
        self.lifecycle = Lifecycle(
            self.rest, SETTINGS, self.sequencers, [self.client], self.incidents
        )

    async def runs_until(self, condition: Callable[[], bool]) -> None:
        task = asyncio.create_task(self.lifecycle.run())
        async with asyncio.timeout(10):
            while not condition():
                assert not task.done()
                await asyncio.sleep(0.005)
        task.cancel()

    def told(self, kind: IncidentKind) -> int:
        return self.incidents.counts[kind.value]


async def test_a_quiet_symbol_that_rest_calls_quiet_is_no_alarm() -> None:
    world = World()
    await world.runs_until(lambda: world.rest.asked >= 10)
    assert not world.incidents.counts
    assert not any(sequencer.is_silent for sequencer in world.sequencers.values())


async def test_a_stream_that_gives_nothing_while_rest_has_trades_is_an_alarm_and_filled() -> None:
    world = World()
    world.rest.newest = 15
    await world.runs_until(lambda: world.told(IncidentKind.SILENT) == 1)
    (told,) = world.incidents.take()
    assert told.symbol == "DOTUSDT"
    dead = world.sequencers["DOTUSDT"]
    assert dead.is_silent
    assert dead.known_last_id == 15, "what is missing is a hole that REST is asked for"
    assert not world.sequencers["BTCUSDT"].is_silent


async def test_changes_of_status_are_told_once_each() -> None:
    world = World()
    await world.runs_until(lambda: world.rest.asked >= 1)
    world.rest.status["DOTUSDT"] = "BREAK"
    await world.runs_until(lambda: world.told(IncidentKind.STATUS_CHANGED) == 1)
    asked = world.rest.asked
    await world.runs_until(lambda: world.rest.asked > asked + 2)
    world.rest.status["DOTUSDT"] = None
    await world.runs_until(lambda: world.told(IncidentKind.STATUS_CHANGED) == 2)
    assert [incident.detail.split(":")[0] for incident in world.incidents.take()] == [
        "TRADING → BREAK",
        "BREAK → UNLISTED",
    ]


async def test_an_exchange_that_does_not_answer_ends_nothing() -> None:
    world = World()
    world.rest.is_away = True
    task = asyncio.create_task(world.lifecycle.run())
    await asyncio.wait([task], timeout=0.3)
    assert not task.done()
    task.cancel()
