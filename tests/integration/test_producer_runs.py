"""Whole producer processes against the stand-in exchange and a real broker."""

from __future__ import annotations

import base64
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import orjson
import psutil
import pytest

from conf.names import HOUR_MS
from local.stack import LocalStack
from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.exchange import ExchangeServer
from tests.support.producer_runs import (
    SYMBOLS,
    StartExchange,
    check_series,
    closes_of,
    hours_closed,
    producer,
    read_dead,
    read_trades,
    run_variables,
    start,
    stop,
)

pytestmark = pytest.mark.integration

START_MS = 1_767_225_600_000
CAPTURE = "binance-spot-btc-eth-trades-20240808T2354Z.jsonl.gz"
TICKS = Path(__file__).parents[2].parent / "shared" / "data" / "ticks" / CAPTURE


def hours_over(exchange: ExchangeServer) -> int:
    """Return how many hours of live trading are over, whether anybody listened or not."""
    book = exchange.get("/oracle/candles", symbol="BTCUSDT", start_ms=START_MS, end_ms=2**52)
    assert isinstance(book, list)
    return len(book)


def test_hours_traded_quiet_and_halted_are_the_exchanges_book(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    """0 missing, 0 doubled, in order, one CLOSE per hour with the book's figures; stops in 10 s."""
    exchange = start(exchange_server, hold=True, quiet_hours="DOTUSDT:1", halted_hours="*:2")
    with producer(settings, exchange, tmp_path, **run_variables()) as run:
        eventually(run.is_healthy, 60, message="connected")
        exchange.post("/clock/start")
        eventually(lambda: min(hours_closed(run).values()) >= 4, 90, message="4 hours closed")
        assert run.metric("hours_halted_total") == 4
        asked_s = time.monotonic()
        stop(run)
        assert time.monotonic() - asked_s < 10
        totals = orjson.loads(run.process.log_text().splitlines()[-1])
    series = check_series(settings, exchange, hours=4)
    for symbol in SYMBOLS.split(","):
        hours = [(c.open_time_ms - START_MS) // HOUR_MS for c in closes_of(series[symbol])]
        assert hours[:4] == [0, 1, 3, 4]
        assert all(close.begins_at_id is None for close in closes_of(series[symbol]))
    quiet = closes_of(series["DOTUSDT"])[1]
    assert (quiet.trades, quiet.first_trade_id, quiet.last_trade_id) == (0, -1, -1)
    records = sum(len(records) for records in series.values())
    assert totals["records_committed"] == records
    assert totals["dead_letters"] == 0


def test_injected_faults_become_dead_letters_and_the_series_stays_whole(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    exchange = start(exchange_server, hold=True, trades_per_hour=8_000)
    kinds = {
        "drop": 5,
        "duplicate": 4,
        "malformed": 3,
        "unknown_event": 2,
        "bad_price": 3,
        "future_time": 2,
    }
    with producer(settings, exchange, tmp_path, **run_variables()) as run:
        eventually(run.is_healthy, 60, message="connected")
        exchange.post("/clock/start")
        for kind, count in kinds.items():
            exchange.post("/faults", {"kind": kind, "symbol": "BTCUSDT", "count": count})
        eventually(lambda: min(hours_closed(run).values()) >= 2, 90)
        assert run.metric("duplicates_total", symbol="BTCUSDT") == 4
        assert run.metric("gaps_filled_total", symbol="BTCUSDT") >= 1
        assert run.metric("gap_ids_total") == 0
        assert run.metric("dead_letters_total", reason="malformed") == 3
        stop(run)
    series = check_series(settings, exchange, hours=2)
    from_rest = [r for r in series["BTCUSDT"] if r.kind == "TRADE" and r.source == "REST"]
    assert len(from_rest) >= 5 + 3 + 2, "dropped and refused trades come from REST"
    dead = read_dead(settings.kafka, settings.namespace.dead_topic)
    reasons = [letter["reason"].split(":")[0] for letter in dead]
    assert {reason: reasons.count(reason) for reason in set(reasons)} == {
        "malformed": 3,
        "unknown_event": 2,
        "bad_price": 3,
        "future_time": 2,
    }
    for letter in dead:
        assert base64.b64decode(letter["raw"])
        assert letter["received_time_ms"] >= START_MS
        if letter["reason"].startswith(("bad_price", "future_time")):
            assert letter["symbol"] == "BTCUSDT"


def test_killed_and_started_again_it_goes_on_from_the_topics_tail(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    """kill -9 in the middle, an outage over two ends of hours, then a second process."""
    exchange = start(exchange_server, hold=True)
    exchange.post("/clock/start")
    with producer(settings, exchange, tmp_path, **run_variables()) as run:
        eventually(
            lambda: all(run.metric("hours_closed_total", symbol=s) for s in SYMBOLS.split(",")), 60
        )
        published = run.metric("trades_published_total")
        eventually(lambda: run.metric("records_committed") > published, 30)
        run.process._process.send_signal(signal.SIGKILL)  # type: ignore[union-attr] # started above
        run.process.wait(5)
    over = hours_over(exchange)
    eventually(lambda: hours_over(exchange) >= over + 2, 60, message="two hours pass")
    with producer(settings, exchange, tmp_path, name="second", **run_variables()) as run:
        eventually(lambda: min(hours_closed(run).values()) >= 3, 90, message="caught up")
        assert run.metric("hours_closed_by_rest_total", symbol="BTCUSDT") >= 1
        stop(run)
    series = check_series(settings, exchange, hours=3)
    for symbol in SYMBOLS.split(","):
        assert "REST" in {close.witness for close in closes_of(series[symbol])}


def test_a_second_producer_fences_the_first_without_loss(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    exchange = start(exchange_server, hold=True)
    exchange.post("/clock/start")
    with producer(settings, exchange, tmp_path, **run_variables()) as first:
        eventually(lambda: first.metric("trades_published_total") > 500, 60)
        with producer(settings, exchange, tmp_path, name="second", **run_variables()) as second:
            assert first.process.wait(60) == 3
            assert "\nproducers: another producer took over" in first.process.log_text()
            eventually(lambda: min(hours_closed(second).values()) >= 1, 90)
            stop(second)
    check_series(settings, exchange)


def test_a_broker_that_hangs_costs_nothing(
    settings: Bundle, stack: LocalStack, exchange_server: StartExchange, tmp_path: Path
) -> None:
    """The outcome of a commit is unknown: the session is rebuilt from the topic's tail.

    The broker stays away for longer than one call waits; whoever asks meanwhile fences nobody.
    """
    exchange = start(exchange_server, hold=True)
    exchange.post("/clock/start")
    kafka = psutil.Process(stack.pids()["kafka"])
    variables = run_variables(NEXTHOUR_PRODUCER_KAFKA_TIMEOUT_S=1)
    with producer(settings, exchange, tmp_path, **variables) as run:
        eventually(lambda: run.metric("trades_published_total") > 500, 60)
        kafka.suspend()
        try:
            eventually(lambda: run.metric("session_rebuilds") >= 1, 60, message="session broken")
            asks_again = "the brokers do not answer, asking again"
            eventually(lambda: run.process.log_text().count(asks_again) >= 3, 60)
        finally:
            kafka.resume()
        committed = run.metric("records_committed")
        eventually(lambda: run.metric("records_committed") > committed + 500, 60)
        over = hours_over(exchange)
        eventually(lambda: hours_over(exchange) > over, 60)
        stop(run)
    check_series(settings, exchange)


def test_two_shards_share_the_symbols(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    exchange = start(exchange_server, hold=True)
    exchange.post("/clock/start")
    variables = run_variables()
    with (
        producer(settings, exchange, tmp_path, "--shard", "1/2", name="one", **variables) as one,
        producer(settings, exchange, tmp_path, "--shard", "2/2", name="two", **variables) as two,
    ):
        eventually(
            lambda: one.metric("hours_closed_total") + two.metric("hours_closed_total") >= 8, 90
        )
        for run in (one, two):
            stop(run)
    check_series(settings, exchange)


def test_what_keeps_it_from_starting_is_one_line(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    exchange = start(exchange_server, hold=True)
    cases = [
        ({"NEXTHOUR_SYMBOLS": "BTCUSDT,NOUSDT"}, "producers: unknown symbol NOUSDT: "),
        ({"NEXTHOUR_EXCHANGE_REST_URL": "http://127.0.0.1:9"}, "producers: no exchange at "),
        ({"NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"}, "producers: no Kafka at "),
        ({"NEXTHOUR_PRODUCER_SHARD": "3/2"}, "producers: shard 3/2: "),
        ({"NEXTHOUR_SPEED": "0"}, "producers: setting NEXTHOUR_SPEED: "),
    ]
    with ExitStack() as stack:
        runs = [
            stack.enter_context(
                producer(
                    settings, exchange, tmp_path, name=f"case-{i}", **run_variables(**variables)
                )
            )
            for i, (variables, _) in enumerate(cases)
        ]
        for run, (_, line) in zip(runs, cases, strict=True):
            assert run.process.wait(60) == 2
            (only,) = run.process.log_text().splitlines()
            assert only.startswith(line)


@pytest.mark.realdata
def test_a_replayed_capture_ends_with_end_records(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    """34,419 real messages in, 34,419 trades out; the exchange's end of capture ends the process."""
    exchange = exchange_server(capture=TICKS, hold=True, speed=60)
    variables = {"NEXTHOUR_SYMBOLS": "BTCUSDT,ETHUSDT", "NEXTHOUR_SPEED": 60}
    with producer(settings, exchange, tmp_path, **variables) as run:
        eventually(run.is_healthy, 60, message="connected")
        exchange.post("/clock/start")
        assert run.process.wait(90) == 0
        totals = orjson.loads(run.process.log_text().splitlines()[-1])
    assert totals["trades_published"] == 34_419
    assert totals["gap_ids"] == totals["dead_letters"] == 0
    series = read_trades(settings.kafka, settings.namespace.trades_topic)
    expected = {"BTCUSDT": (19_904, 61685.99, 61686.00), "ETHUSDT": (14_515, 2682.50, 2682.50)}
    for symbol, (count, closes_at, opens_at) in expected.items():
        trades = [r for r in series[symbol] if r.kind == "TRADE"]
        ids = [r.trade_id for r in trades]
        assert ids[0] is not None
        assert ids == list(range(ids[0], ids[0] + count))
        first, second = closes_of(series[symbol])
        midnight = 1_723_161_600_000
        assert (first.open_time_ms, first.witness) == (midnight - HOUR_MS, "STREAM")
        assert first.begins_at_id == ids[0]
        assert first.close == round(closes_at * 10**8)
        assert (second.open_time_ms, second.witness, second.trades) == (midnight, "END", None)
        opening = next(r for r in trades if r.trade_time_ms >= midnight)
        assert opening.price == round(opens_at * 10**8)
