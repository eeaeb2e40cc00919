"""Repairs are made beside the queries, without a person."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from conf.settings import PostgresSettings
from streaming.repair import watch
from streaming.repair.job import request
from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.exchange import ExchangeServer
from tests.support.repair_world import EXCHANGE, open_world

pytestmark = pytest.mark.integration

WAIT_S = 60.0


def test_what_is_wanted_is_made_once_its_store_is_back(
    settings: Bundle, exchange_server: Callable[..., ExchangeServer]
) -> None:
    world = open_world(settings, exchange_server(EXCHANGE))
    key = ("BTCUSDT", world.hour(0))
    world.stream_writes(key, without=2)
    often = world.context.supervision.model_copy(update={"repair_every_s": 0.2})
    away = PostgresSettings.model_validate({"url": "postgresql://postgres@127.0.0.1:9/postgres"})
    stop, is_over = threading.Event(), threading.Event()
    there, waiting = replace(world.context, supervision=often), threading.Event()

    class Turning:
        """A context whose Postgres is away until it was asked for."""

        def __getattr__(self, name: str) -> object:
            if name == "postgres" and not waiting.is_set():
                waiting.set()
                return away
            return getattr(there, name)

    def beside() -> None:
        watch.run(Turning(), stop)  # type: ignore[arg-type] # the context, but for its store
        is_over.set()

    thread = threading.Thread(target=beside, daemon=True)
    thread.start()
    try:
        assert waiting.wait(WAIT_S)
        request(world.context, [key], "late trades")
        eventually(lambda: world.requests() == [("BTCUSDT", "done", 2)], WAIT_S)
    finally:
        stop.set()
    assert is_over.wait(WAIT_S)
    assert world.stored_alike()[(*key, 2)].verdict == "complete"
