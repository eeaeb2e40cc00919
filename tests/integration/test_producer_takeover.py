"""Who may write a shard's symbols: a standby that takes over, and owners of a former sharding."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import orjson
import pytest

from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.producer_runs import (
    SPEED,
    SYMBOLS,
    ProducerProcess,
    StartExchange,
    check_series,
    hours_closed,
    producer,
    read_topic,
    read_trades,
    run_variables,
    start,
    stop,
)

pytestmark = pytest.mark.integration

TAKEOVER_S = 10.0


@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGTERM, signal.SIGSTOP])
def test_a_standby_takes_over_within_ten_seconds(
    settings: Bundle,
    exchange_server: StartExchange,
    tmp_path: Path,
    way: signal.Signals,
) -> None:
    """The active one is killed, stopped in order, or hangs (and is fenced when it wakes up)."""
    exchange = start(exchange_server)
    variables = run_variables()
    with (
        producer(settings, exchange, tmp_path, **variables) as active,
        producer(settings, exchange, tmp_path, "--standby", name="standby", **variables) as standby,
    ):
        eventually(lambda: active.metric("records_committed") > 500, 60)
        eventually(lambda: "standing by" in standby.process.log_text(), 60)
        committed = active.metric("records_committed")
        eventually(lambda: active.metric("records_committed") > committed + 500, 60)
        assert standby.metric("trades_published_total") == 0
        pid = active.process.pid
        assert pid is not None
        begun_s = time.monotonic()
        os.kill(pid, way)
        eventually(lambda: standby.metric("records_committed") > 0, 30, message="taken over")
        took_s = time.monotonic() - begun_s
        assert took_s < TAKEOVER_S, standby.process.log_text()
        if way is signal.SIGSTOP:
            os.kill(pid, signal.SIGCONT)
            assert active.process.wait(30) == 3
        eventually(lambda: min(hours_closed(standby).values()) >= 1, 60)
        stop(standby)
    check_series(settings, exchange)


def test_a_new_sharding_ends_the_old_owner_of_its_symbols(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    """From one producer to two without stopping the one first: it is fenced, nothing is doubled."""
    exchange = start(exchange_server)
    variables = run_variables()
    with producer(settings, exchange, tmp_path, **variables) as whole:
        eventually(lambda: whole.metric("records_committed") > 500, 60)
        with (
            producer(
                settings, exchange, tmp_path, "--shard", "1/2", name="one", **variables
            ) as one,
            producer(
                settings, exchange, tmp_path, "--shard", "2/2", name="two", **variables
            ) as two,
        ):
            assert whole.process.wait(60) == 3
            eventually(lambda: min(closed_by(one, two)) >= 1, 90)
            stop(one)
            stop(two)
    check_series(settings, exchange)
    messages = read_topic(settings.kafka, settings.namespace.trades_topic)
    writers = {dict(message.headers())["writer"].decode().rsplit(".", 1)[1] for message in messages}
    assert writers == {"1-of-1", "1-of-2", "2-of-2"}


def closed_by(*runs: ProducerProcess) -> list[int]:
    """Return how many hours some producers have closed together, of each symbol."""
    each = [hours_closed(run) for run in runs]
    return [sum(closed[symbol] for closed in each) for symbol in SYMBOLS.split(",")]


def test_a_feed_tells_what_it_does(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    """Feed status of each symbol once a second, the newest as the series ends."""
    exchange = start(exchange_server)
    with producer(settings, exchange, tmp_path, **run_variables()) as run:
        eventually(lambda: min(hours_closed(run).values()) >= 1, 60)
        stop(run)
    newest = {}
    states = set()
    for message in read_topic(settings.kafka, settings.namespace.feed_topic):
        status = orjson.loads(message.value())
        states.add(status["state"])
        newest[message.key().decode()] = status
    series = read_trades(settings.kafka, settings.namespace.trades_topic)
    assert newest.keys() == series.keys() == set(SYMBOLS.split(","))
    for symbol, status in newest.items():
        trades = [record for record in series[symbol] if record.kind == "TRADE"]
        assert status["state"] == "stopped"
        assert status["last_trade_id"] == trades[-1].trade_id
        assert status["last_trade_time_ms"] == trades[-1].trade_time_ms
        assert 0 <= status["lag_ms"] < 60_000 * SPEED
    assert "live" in states
