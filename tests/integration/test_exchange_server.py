"""The stand-in exchange over its own sockets: streams, REST, control port and process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
import websockets
from websockets.asyncio.client import ClientConnection, connect

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.__main__ import main
from exchange.server import Exchange, running

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
BOUND_S = 20.0


def settings(**values: Any) -> StandInSettings:
    """Two symbols, an exchange hour in 0.6 s, a short past, free ports."""
    given = {
        "port": 0,
        "control_port": 0,
        "symbols": ("BTCUSDT", "DOTUSDT"),
        "history_hours": 72,
        "speed": 6_000.0,
        "trades_per_hour": 300,
        "hold": True,
        "kline_interval_s": 0.1,
    }
    return StandInSettings(**{**given, **values})


@asynccontextmanager
async def rest_of(exchange: Exchange) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{exchange.rest_url}/api/v3") as client:
        yield client


async def control(exchange: Exchange, path: str, body: Any = None, **params: Any) -> Any:
    async with httpx.AsyncClient(base_url=exchange.control_url) as client:
        if body is not None:
            return (await client.post(path, json=body)).json()
        return (await client.get(path, params=params)).json()


async def read_until(
    stream: ClientConnection, is_last: Any, seen: list[dict[str, Any]] | None = None
) -> list[dict[str, Any]]:
    """Return the messages up to the first for which ``is_last`` holds."""
    messages = seen if seen is not None else []
    async with asyncio.timeout(BOUND_S):
        while True:
            message = json.loads(await stream.recv())
            messages.append(message)
            if is_last(message):
                return messages


def closes_hour(symbol: str, hours: int, exchange: Exchange) -> Any:
    wanted = exchange.book.live_start_ms + (hours - 1) * HOUR_MS

    def is_it(message: dict[str, Any]) -> bool:
        data = message.get("data", message)
        kline = data.get("k", {})
        return bool(kline.get("x")) and kline["t"] == wanted and data["s"] == symbol

    return is_it


def never(_message: dict[str, Any]) -> bool:
    return False


STREAMS = "btcusdt@trade/btcusdt@kline_1h/btcusdt@aggTrade/dotusdt@trade/dotusdt@kline_1h"


async def test_streams_klines_rest_and_oracle_are_one_book() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        async with connect(f"{exchange.ws_url}/stream?streams={STREAMS}") as stream:
            await control(exchange, "/clock/start", {})
            messages = await read_until(stream, closes_hour("DOTUSDT", 3, exchange))
        oracle = await control(
            exchange, "/oracle/candles", symbol="BTCUSDT", start_ms=exchange.book.live_start_ms
        )
        pages = (
            await rest.get(
                "/historicalTrades",
                params={
                    "symbol": "BTCUSDT",
                    "fromId": oracle[0]["first_trade_id"],
                    "limit": 1000,
                },
            )
        ).json()
        klines = (
            await rest.get(
                "/klines",
                params={
                    "symbol": "BTCUSDT",
                    "interval": "1h",
                    "startTime": exchange.book.live_start_ms,
                    "limit": 3,
                },
            )
        ).json()

    by_hour: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
    data = [message["data"] for message in messages]
    for trade in data:
        if trade["e"] == "trade" and trade["s"] == "BTCUSDT":
            by_hour[trade["T"] // HOUR_MS * HOUR_MS].append(trade)
    for candle, kline in zip(oracle[:3], klines, strict=True):
        trades = by_hour[candle["open_time_ms"]]
        prices = [Decimal(trade["p"]) for trade in trades]
        assert [trade["t"] for trade in trades] == list(
            range(candle["first_trade_id"], candle["last_trade_id"] + 1)
        )
        assert len(trades) == candle["trades"]
        assert [trades[0]["p"], trades[-1]["p"]] == [candle["open"], candle["close"]]
        assert [max(prices), min(prices)] == [Decimal(candle["high"]), Decimal(candle["low"])]
        assert sum(Decimal(t["q"]) for t in trades) == Decimal(candle["volume"])
        assert sum(Decimal(t["q"]) * Decimal(t["p"]) for t in trades) == Decimal(
            candle["quote_volume"]
        )
        bought = [trade for trade in trades if not trade["m"]]
        assert sum(Decimal(t["q"]) for t in bought) == Decimal(candle["taker_buy_volume"])
        assert all(trade["T"] <= trade["E"] for trade in trades)
        assert kline[1:6] == [candle[name] for name in ("open", "high", "low", "close", "volume")]
        assert kline[7:11] == [
            candle["quote_volume"],
            candle["trades"],
            candle["taker_buy_volume"],
            candle["taker_buy_quote_volume"],
        ]
    ids = [row["id"] for row in pages]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert [row["price"] for row in pages[:20]] == [
        trade["p"] for trade in by_hour[exchange.book.live_start_ms][:20]
    ]
    check_aggregates([one for one in data if one["e"] == "aggTrade"], by_hour)
    check_closes([one for one in data if one["e"] == "kline"], exchange.book.live_start_ms)


def check_aggregates(
    aggregates: list[dict[str, Any]], by_hour: dict[int, list[dict[str, Any]]]
) -> None:
    trades = {trade["t"]: trade for hour in by_hour.values() for trade in hour}
    assert aggregates
    for before, one in pairwise(aggregates):
        assert one["a"] == before["a"] + 1
        assert one["f"] == before["l"] + 1
    for one in aggregates:
        fills = [trades[trade_id] for trade_id in range(one["f"], one["l"] + 1)]
        assert sum(Decimal(fill["q"]) for fill in fills) == Decimal(one["q"])
        assert {(fill["p"], fill["m"], fill["T"]) for fill in fills} == {
            (one["p"], one["m"], one["T"])
        }


def check_closes(klines: list[dict[str, Any]], start_ms: int) -> None:
    closed = [(one["s"], one["k"]["t"]) for one in klines if one["k"]["x"]]
    assert closed == [
        (symbol, start_ms + hour * HOUR_MS)
        for hour in range(3)
        for symbol in ("BTCUSDT", "DOTUSDT")
    ]
    assert any(not one["k"]["x"] for one in klines)
    for one in klines:
        assert one["E"] >= (one["k"]["T"] if one["k"]["x"] else one["k"]["t"])


async def test_the_clock_stands_until_it_is_started() -> None:
    async with running(settings()) as exchange:
        first = await control(exchange, "/clock")
        second = await control(exchange, "/clock")
        started = await control(exchange, "/clock/start", {})

    assert first == second
    assert first == {
        "now_ms": exchange.book.live_start_ms,
        "speed": 6_000.0,
        "running": False,
    }
    assert started["running"]


async def test_quiet_and_halted_hours_on_the_stream() -> None:
    given = settings(quiet_hours=("DOTUSDT:0",), halted_hours=("*:1",))
    async with running(given) as exchange:
        async with connect(f"{exchange.ws_url}/stream?streams=dotusdt@kline_1h") as stream:
            await control(exchange, "/clock/start", {})
            messages = await read_until(stream, closes_hour("DOTUSDT", 3, exchange))
        candles = await control(
            exchange, "/oracle/candles", symbol="DOTUSDT", start_ms=exchange.book.live_start_ms
        )

    closed = [m["data"]["k"] for m in messages if m["data"]["k"]["x"]]
    hours = [(kline["t"] - exchange.book.live_start_ms) // HOUR_MS for kline in closed]
    assert hours == [0, 2]
    assert (closed[0]["f"], closed[0]["L"], closed[0]["n"]) == (-1, -1, 0)
    assert len({closed[0][name] for name in "ohlc"}) == 1
    assert [candle["open_time_ms"] for candle in candles[:2]] == [k["t"] for k in closed]


async def test_raw_streams_and_control_messages() -> None:
    async with running(settings(hold=False)) as exchange:
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade/dotusdt@trade") as raw:
            messages = await read_until(raw, lambda m: m["s"] == "DOTUSDT")
            assert {m["e"] for m in messages} == {"trade"}
        async with connect(f"{exchange.ws_url}/ws") as bare:
            subscribe = {"method": "SUBSCRIBE", "params": ["btcusdt@trade"], "id": 7}
            await bare.send(json.dumps(subscribe))
            seen = await read_until(bare, lambda m: m.get("e") == "trade")
            assert seen[0] == {"result": None, "id": 7}
            await bare.send('{"method":"SET_PROPERTY","params":["combined",true],"id":8}')
            wrapped = await read_until(bare, lambda m: "stream" in m)
            assert {"result": None, "id": 8} in wrapped
            assert wrapped[-1]["stream"] == "btcusdt@trade"


async def test_an_unknown_symbol_subscribes_and_stays_silent() -> None:
    streams = "nosuch@trade/btcusdt@trade"
    async with (
        running(settings(hold=False)) as exchange,
        connect(f"{exchange.ws_url}/stream?streams={streams}") as stream,
    ):
        messages = [json.loads(await stream.recv()) for _ in range(30)]

    assert {message["stream"] for message in messages} == {"btcusdt@trade"}


async def test_too_many_messages_in_a_second_close_with_1008() -> None:
    async with running(settings()) as exchange, connect(f"{exchange.ws_url}/ws") as stream:
        for number in range(6):
            await stream.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
        with pytest.raises(websockets.ConnectionClosed) as caught:
            await read_until(stream, never)

    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1008, "Too many requests")


async def test_pings_come_with_a_payload_and_silence_is_cut() -> None:
    given = settings(ping_interval_s=0.1, pong_timeout_s=0.35)
    async with running(given) as exchange, httpx.AsyncClient() as client:
        host, port = exchange.ws_url.removeprefix("ws://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n{key}\r\n".encode()
        )
        async with asyncio.timeout(BOUND_S):
            await reader.readuntil(b"\r\n\r\n")
            everything = await reader.read()  # never answering: pings, then the close frame
        assert (await client.get(f"{exchange.control_url}/status")).json()["clients"] == 0
        writer.close()

    assert everything[0] == 0x89
    assert everything[1] > 0
    assert b"Pong timeout" in everything


async def test_a_client_that_answers_pings_stays() -> None:
    given = settings(ping_interval_s=0.1, pong_timeout_s=0.35, hold=False, incoming_per_s=100)
    async with (
        running(given) as exchange,
        connect(f"{exchange.ws_url}/stream?streams=btcusdt@kline_1h") as stream,
    ):
        await read_until(stream, closes_hour("BTCUSDT", 2, exchange))


FAULTS = ["malformed", "unknown_event", "bad_price", "future_time", "drop", "duplicate"]


@pytest.mark.parametrize("kind", FAULTS)
async def test_a_fault_is_on_the_stream_only(kind: str) -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        async with connect(f"{exchange.ws_url}/stream?streams=btcusdt@trade") as stream:
            answer = await control(
                exchange, "/faults", {"kind": kind, "symbol": "BTCUSDT", "count": 2}
            )
            assert answer == {"waiting": 2}
            await control(exchange, "/clock/start", {})
            async with asyncio.timeout(BOUND_S):
                texts = [str(await stream.recv()) for _ in range(12)]
        first_id = (
            await control(exchange, "/oracle/candles", start_ms=0, end_ms=2**62, symbol="BTCUSDT")
        )[-1]["last_trade_id"] + 1
        trades = (
            await rest.get("/historicalTrades", params={"symbol": "BTCUSDT", "fromId": first_id})
        ).json()
        status = await control(exchange, "/status")

    assert [trade["id"] for trade in trades[:8]] == list(range(first_id, first_id + 8))
    assert status["faults_injected"] == {kind: 2}
    check_fault(kind, texts, first_id, trades)


def check_fault(kind: str, texts: list[str], first_id: int, trades: list[dict[str, Any]]) -> None:
    parsed = [parse(text) for text in texts]
    data = [one["data"] for one in parsed if one is not None]
    ids = [one["t"] for one in data]
    if kind == "malformed":
        assert parsed[0] is None
        assert parsed[2] is None
        assert ids[:4] == list(range(first_id, first_id + 4))
    elif kind == "unknown_event":
        assert [one["e"] for one in data[:4]] == ["mystery", "trade", "mystery", "trade"]
    elif kind == "bad_price":
        assert [one["p"] for one in data[:2]] == ["not-a-number"] * 2
        assert data[2]["p"] == trades[2]["price"]
    elif kind == "future_time":
        assert data[0]["T"] - trades[0]["time"] == 365 * 24 * HOUR_MS
        assert data[2]["T"] == trades[2]["time"]
    elif kind == "drop":
        assert ids[0] == first_id + 2
    else:
        assert ids[:5] == [first_id, first_id, first_id + 1, first_id + 1, first_id + 2]


def parse(text: str) -> dict[str, Any] | None:
    try:
        message: dict[str, Any] = json.loads(text)
    except ValueError:
        return None
    return message


@pytest.mark.parametrize(
    "body", [[], {"kind": "fire", "symbol": "BTCUSDT"}, {"kind": "drop", "symbol": "X"}]
)
async def test_a_wrong_fault_is_refused(body: Any) -> None:
    async with running(settings()) as exchange, httpx.AsyncClient() as client:
        answer = await client.post(f"{exchange.control_url}/faults", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "params", "status", "code"),
    [
        ("/klines", {"interval": "1h"}, 400, -1102),
        ("/klines", {"symbol": "BTCUSDT"}, 400, -1102),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1H"}, 400, -1120),
        ("/klines", {"symbol": "NOPEUSDT", "interval": "1h"}, 400, -1121),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1h", "startTime": "x"}, 400, -1100),
        ("/klines", {"symbol": "BTCUSDT", "interval": "1h", "limit": "0"}, 400, -1130),
        ("/historicalTrades", {"symbol": "NOPEUSDT"}, 400, -1121),
        ("/aggTrades", {"symbol": "BTCUSDT", "fromId": "1", "startTime": "1"}, 400, -1128),
        ("/exchangeInfo", {"symbol": "NOPEUSDT"}, 400, -1121),
        ("/exchangeInfo", {"symbols": '["BTCUSDT","NOPEUSDT"]'}, 400, -1121),
        ("/exchangeInfo", {"symbols": "BTCUSDT"}, 400, -1100),
    ],
)
async def test_errors_have_a_code_and_a_message(
    path: str, params: dict[str, str], status: int, code: int
) -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        answer = await rest.get(path, params=params)

    assert answer.status_code == status
    assert answer.json()["code"] == code
    assert answer.json()["msg"]


async def test_exchange_info_shows_ticks_and_steps_and_halts() -> None:
    async with (
        running(settings(halted_hours=("DOTUSDT:0",))) as exchange,
        rest_of(exchange) as rest,
    ):
        answer = await rest.get("/exchangeInfo", params={"symbols": '["BTCUSDT","DOTUSDT"]'})

    btc, dot = answer.json()["symbols"]
    filters = {one["filterType"]: one for one in btc["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.01000000"
    assert filters["LOT_SIZE"]["stepSize"] == "0.00001000"
    assert (btc["status"], dot["status"]) == ("TRADING", "BREAK")
    assert answer.headers["X-MBX-USED-WEIGHT-1M"] == "20"


async def test_aggregates_by_id_and_by_time_agree_with_trades() -> None:
    async with running(settings()) as exchange, rest_of(exchange) as rest:
        start_ms = exchange.book.live_start_ms - 5 * HOUR_MS
        window = {"symbol": "BTCUSDT", "startTime": start_ms, "limit": 1000}
        by_time = (await rest.get("/aggTrades", params=window)).json()
        following = {"symbol": "BTCUSDT", "fromId": by_time[3]["a"], "limit": 5}
        by_id = (await rest.get("/aggTrades", params=following)).json()
        latest = (await rest.get("/aggTrades", params={"symbol": "BTCUSDT", "limit": 3})).json()
        ended = (
            await rest.get("/aggTrades", params={**window, "endTime": start_ms + HOUR_MS - 1})
        ).json()
        recent = (await rest.get("/trades", params={"symbol": "BTCUSDT", "limit": 2})).json()
        newest = (
            await rest.get("/historicalTrades", params={"symbol": "BTCUSDT", "limit": 2})
        ).json()

    assert by_time[0]["T"] >= start_ms
    assert by_id == by_time[3:8]
    assert all(start_ms <= one["T"] < start_ms + HOUR_MS for one in ended)
    assert ended == by_time[: len(ended)]
    assert latest[-1]["l"] == recent[-1]["id"]
    assert recent == newest


async def test_too_much_weight_is_answered_with_429() -> None:
    async with running(settings(weight_limit=50)) as exchange, rest_of(exchange) as rest:
        answers = [await rest.get("/trades", params={"symbol": "BTCUSDT"}) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["code"] == -1003
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60


async def test_the_oracle_tells_when_closed_klines_were_sent() -> None:
    async with running(settings()) as exchange:
        async with connect(f"{exchange.ws_url}/stream?streams=btcusdt@kline_1h") as stream:
            await control(exchange, "/clock/start", {})
            await read_until(stream, closes_hour("BTCUSDT", 2, exchange))
        closes = await control(exchange, "/oracle/closes")
        later = await control(exchange, "/oracle/closes", since_ms=closes[0]["sent_wall_ms"] + 1)

    assert [close["open_time_ms"] for close in closes[:2]] == [
        exchange.book.live_start_ms,
        exchange.book.live_start_ms + HOUR_MS,
    ]
    assert {close["symbol"] for close in closes} == {"BTCUSDT"}  # nobody listened to DOTUSDT
    assert closes[0] not in later


async def test_microseconds_on_request() -> None:
    async with running(settings(hold=False)) as exchange, rest_of(exchange) as rest:
        micro = {"X-MBX-TIME-UNIT": "MICROSECOND"}
        url = f"{exchange.ws_url}/stream?streams=btcusdt@trade&timeUnit=microsecond"
        async with connect(url) as stream:
            trade = json.loads(await stream.recv())["data"]
        asked = {"symbol": "BTCUSDT", "fromId": trade["t"], "limit": 1}
        milli_row = (await rest.get("/historicalTrades", params=asked)).json()[0]
        micro_row = (await rest.get("/historicalTrades", params=asked, headers=micro)).json()[0]
        hour = {"symbol": "BTCUSDT", "interval": "1h", "limit": 1}
        hour["startTime"] = str((exchange.book.live_start_ms - HOUR_MS) * 1000)
        kline = (await rest.get("/klines", params=hour, headers=micro)).json()[0]
        wrong = await rest.get("/time", headers={"X-MBX-TIME-UNIT": "DAY"})
        with pytest.raises(websockets.InvalidStatus):
            await connect(f"{exchange.ws_url}/ws/btcusdt@trade?timeUnit=DAY")

    assert trade["T"] == micro_row["time"] == milli_row["time"] * 1000
    assert kline[0] == (exchange.book.live_start_ms - HOUR_MS) * 1000
    assert kline[6] == exchange.book.live_start_ms * 1000 - 1
    assert wrong.json()["code"] == -1194


async def test_a_client_that_never_reads_is_cut_and_the_others_miss_nothing() -> None:
    given = settings(trades_per_hour=200_000, speed=600.0, client_buffer_bytes=65_536)
    async with AsyncExitStack() as stack:
        exchange = await stack.enter_async_context(running(given))
        url = f"{exchange.ws_url}/ws/btcusdt@trade"
        good = await stack.enter_async_context(connect(url, max_queue=None))
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        host, port = exchange.ws_url.removeprefix("ws://").split(":")
        await asyncio.to_thread(lazy.connect, (host, int(port)))
        key = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        head = f"GET /ws/btcusdt@trade HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\n"
        lazy.sendall(f"{head}Upgrade: websocket\r\n{key}\r\n".encode())
        ids: list[int] = []
        async with asyncio.timeout(2 * BOUND_S):
            while (await control(exchange, "/status"))["clients"] < 2:
                pass
            await control(exchange, "/clock/start", {})
            while len(exchange.broadcast.hub.clients) > 1 or len(ids) < 2_000:
                ids.append(json.loads(await good.recv())["t"])
        lazy.close()

    assert ids == list(range(ids[0], ids[0] + len(ids)))


async def test_the_end_of_the_server_is_announced() -> None:
    async with AsyncExitStack() as stack:
        server = running(settings())
        exchange = await server.__aenter__()
        raw = await stack.enter_async_context(connect(f"{exchange.ws_url}/ws"))
        wrapped = await stack.enter_async_context(connect(f"{exchange.ws_url}/stream"))
        start_ms = exchange.book.live_start_ms
        await control(exchange, "/status")
        await server.__aexit__(None, None, None)
        messages = [json.loads(await one.recv()) for one in (raw, wrapped)]

    event = {"e": "serverShutdown", "E": start_ms}
    assert messages == [event, {"stream": "!serverShutdown", "data": event}]


def start_process(**variables: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "NEXTHOUR_STANDIN_PORT": "0",
        "NEXTHOUR_STANDIN_CONTROL_PORT": "0",
        **{f"NEXTHOUR_STANDIN_{name.upper()}": value for name, value in variables.items()},
    }
    return subprocess.Popen(
        [sys.executable, "-m", "exchange"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_process_cleanly(number: signal.Signals) -> None:
    process = start_process(speed="3600")
    try:
        assert process.stdout is not None
        addresses = json.loads(await asyncio.to_thread(process.stdout.readline))
        async with connect(f"{addresses['ws_url']}/ws/btcusdt@trade") as stream:
            await stream.recv()
            process.send_signal(number)
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await read_until(stream, never)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.communicate()

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001


@pytest.fixture
def run_main(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[dict[str, str]], tuple[int, str]]]:
    """Run the process's entry point here; return its exit code and what it says on stderr."""

    def run(variables: dict[str, str]) -> tuple[int, str]:
        for name, value in {"port": "0", "control_port": "0", **variables}.items():
            monkeypatch.setenv(f"NEXTHOUR_STANDIN_{name.upper()}", value)
        code = main()
        return code, capsys.readouterr().err

    yield run
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"symbols": "BTCUSDT,NOSUCHUSDT"}, "NOSUCHUSDT"),
        ({"capture": "/no/such/file"}, "NEXTHOUR_STANDIN_CAPTURE"),
        ({"history_dir": "/no/such/folder"}, "NEXTHOUR_STANDIN_HISTORY_DIR"),
        ({"speed": "fast"}, "NEXTHOUR_STANDIN_SPEED"),
        ({"start": "2026-01-01T00:30:00Z"}, "NEXTHOUR_STANDIN_START"),
        ({"live_from_history": "true"}, "live_from_history needs history_dir"),
        ({"host": "no.such.host.invalid"}, "no.such.host.invalid"),
    ],
)
def test_a_start_that_cannot_be_is_one_line_and_exit_code_2(
    run_main: Callable[[dict[str, str]], tuple[int, str]], variables: dict[str, str], named: str
) -> None:
    code, errors = run_main(variables)

    assert code == 2
    assert len(errors.strip().splitlines()) == 1
    assert named in errors


@pytest.mark.parametrize("setting", ["port", "control_port"])
def test_a_port_in_use_is_named_with_its_setting(
    run_main: Callable[[dict[str, str]], tuple[int, str]], setting: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, errors = run_main({setting: port})

    assert code == 2
    assert len(errors.strip().splitlines()) == 1
    assert port in errors
    assert f"NEXTHOUR_STANDIN_{setting.upper()}" in errors


def capture_lines(end_ms: int) -> list[str]:
    """Both symbols across an hour boundary; only BTCUSDT's own kline was recorded."""

    def trade(symbol: str, trade_id: int, time_ms: int, price: str) -> str:
        return (
            f'{{"stream":"{symbol.lower()}@trade","data":{{"e":"trade","E":{time_ms + 2},'
            f'"s":"{symbol}","t":{trade_id},"p":"{price}","q":"0.5","T":{time_ms},"m":true,"M":true}}}}'
        )

    ticker = '{"stream":"btcusdt@bookTicker","data":{"u":4,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}}'
    kline = (
        f'{{"stream":"btcusdt@kline_1h","data":{{"e":"kline","E":{end_ms + 4},"s":"BTCUSDT",'
        f'"k":{{"t":{end_ms - HOUR_MS},"T":{end_ms - 1},"x":true,"recorded":1.50}}}}}}'
    )
    return [
        trade("BTCUSDT", 11, end_ms - 20_000, "61000.10"),
        ticker,
        trade("ETHUSDT", 71, end_ms - 15_000, "2600.5"),
        "not a message",
        trade("BTCUSDT", 12, end_ms - 1, "61000.20"),
        kline,
        trade("ETHUSDT", 72, end_ms + 9_000, "2601.0"),
    ]


async def test_a_capture_with_other_streams(tmp_path: Path) -> None:
    end_ms = 1_723_161_600_000
    lines = capture_lines(end_ms)
    path = tmp_path / "capture.jsonl"
    path.write_text("\n".join(lines))
    given = settings(capture=path, speed=60.0)
    names = "btcusdt@trade/btcusdt@kline_1h/ethusdt@trade/ethusdt@kline_1h"
    async with running(given) as exchange, rest_of(exchange) as rest:
        async with (
            connect(f"{exchange.ws_url}/stream?streams={names}") as stream,
            connect(f"{exchange.ws_url}/ws/btcusdt@bookTicker") as tickers,
        ):
            await control(exchange, "/clock/start", {})
            async with asyncio.timeout(BOUND_S):
                seen = [str(message) async for message in stream]
                ticks = [str(message) async for message in tickers]
        async with connect(f"{exchange.ws_url}/ws/btcusdt@trade") as late:
            assert [message async for message in late] == []
        info = (await rest.get("/exchangeInfo")).json()
        trades = (await rest.get("/historicalTrades", params={"symbol": "BTCUSDT"})).json()
        candles = await control(exchange, "/oracle/candles")
        status = await control(exchange, "/status")

    assert (stream.close_code, stream.close_reason) == (1000, "end of capture")
    assert (late.close_code, late.close_reason) == (1000, "end of capture")
    derived = [one for one in seen if "ethusdt@kline_1h" in one and '"x":true' in one]
    recorded = [one for one in seen if "kline_1h" not in one or "recorded" in one]
    assert recorded == [line for line in lines if '"stream"' in line and "bookTicker" not in line]
    assert [json.loads(one)["data"]["k"]["c"] for one in derived] == ["2600.50000000"]
    assert ticks == ['{"u":4,"s":"BTCUSDT","b":"1","B":"1","a":"2","A":"1"}']
    assert [one["symbol"] for one in info["symbols"]] == ["BTCUSDT", "ETHUSDT"]
    assert [one["id"] for one in trades] == [11, 12]
    assert [(one["symbol"], one["close"]) for one in candles] == [
        ("BTCUSDT", "61000.20000000"),
        ("ETHUSDT", "2600.50000000"),
    ]
    assert (status["finished"], status["trades_sent"]) == (True, 4)
