"""Faults of whole connections: cuts, closes, half-open sockets, shutdowns, refusals, life."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
import websockets
from websockets.asyncio.client import connect

from conf.names import HOUR_MS
from exchange.server import running
from tests.support.standin import control, settings, until_closed

pytestmark = pytest.mark.integration

BOUND_S = 20.0


async def test_a_cut_has_no_close_frame_and_meets_the_oldest() -> None:
    async with (
        running(settings()) as exchange,
        connect(f"{exchange.ws_url}/ws/btcusdt@trade") as old,
        connect(f"{exchange.ws_url}/ws/btcusdt@trade") as young,
    ):
        answer = await control(exchange, "/faults", {"kind": "cut", "count": 1})
        _, ended = await until_closed(old)
        await control(exchange, "/clock/start", {})
        heard = await young.recv()
        faults = await control(exchange, "/faults")

    assert answer == {"waiting": 0, "connections": 1}
    assert ended.rcvd is None
    assert json.loads(heard)["e"] == "trade"
    assert faults["injected"] == {"cut": 1}


async def test_a_close_has_the_code_and_reason_asked_for() -> None:
    async with (
        running(settings()) as exchange,
        connect(f"{exchange.ws_url}/ws") as one,
        connect(f"{exchange.ws_url}/ws") as other,
    ):
        body = {"kind": "close", "code": 1012, "reason": "restart"}
        answer = await control(exchange, "/faults", body)
        ends = [(await until_closed(stream))[1] for stream in (one, other)]

    assert answer["connections"] == 2
    assert [(end.rcvd.code, end.rcvd.reason) for end in ends if end.rcvd] == [(1012, "restart")] * 2


async def test_a_half_open_socket_says_nothing_and_is_aborted_then() -> None:
    given = settings(ping_interval_s=0.05, pong_timeout_s=0.2, hold=False)
    async with (
        running(given) as exchange,
        connect(
            f"{exchange.ws_url}/ws/btcusdt@trade", ping_interval=None, close_timeout=0.1
        ) as stream,
    ):
        await stream.recv()
        begin_s = time.monotonic()
        await control(exchange, "/faults", {"kind": "half_open", "seconds": 1.0})
        silent = await control(exchange, "/status")
        silent_ms = (await control(exchange, "/clock"))["now_ms"]
        pong = asyncio.ensure_future(await stream.ping())
        messages, ended = await until_closed(stream)
        lasted_s = time.monotonic() - begin_s
        end_ms = (await control(exchange, "/clock"))["now_ms"]

    assert (silent["clients"], silent["connections_open"]) == (0, 1)
    assert all(message["T"] <= silent_ms for message in messages)  # what was under way before
    assert end_ms > silent_ms + HOUR_MS
    assert not pong.done() or pong.exception() is not None
    assert ended.rcvd is None
    assert lasted_s >= 0.95


async def test_a_slow_connection_gets_its_bytes_late_and_loses_none() -> None:
    """Frames arrive in pieces; at the end everything that waited comes, in order."""
    async with (
        running(settings(trades_per_hour=3_000)) as exchange,
        connect(f"{exchange.ws_url}/ws/btcusdt@trade", close_timeout=0.1) as slow,
        connect(f"{exchange.ws_url}/ws/btcusdt@trade", close_timeout=0.1) as quick,
    ):
        body = {"kind": "slow", "count": 1, "seconds": 1.0, "bytes_per_s": 400}
        await control(exchange, "/faults", body)
        await control(exchange, "/clock/start", {})
        async with asyncio.timeout(BOUND_S):
            ahead = [json.loads(await quick.recv())["t"] for _ in range(50)]
            first = json.loads(await slow.recv())["t"]
            begin_s = time.monotonic()
            late = [first] + [json.loads(await slow.recv())["t"] for _ in range(49)]
    assert ahead == late == list(range(ahead[0], ahead[0] + 50))
    assert time.monotonic() - begin_s > 0.3, "50 trades take longer than a second at 400 bytes/s"


@pytest.mark.parametrize("notice_s", [0, 0.3])
async def test_a_shutdown_is_announced_in_both_forms_then_closes(notice_s: float) -> None:
    async with (
        running(settings()) as exchange,
        connect(f"{exchange.ws_url}/ws/btcusdt@trade") as raw,
        connect(f"{exchange.ws_url}/stream") as wrapped,
        connect(f"{exchange.ws_url}/ws/dotusdt@trade") as spared,
    ):
        begin_s = time.monotonic()
        body = {"kind": "shutdown", "notice_s": notice_s, "count": 2}
        answer = await control(exchange, "/faults", body)
        raw_messages, raw_end = await until_closed(raw)
        wrapped_messages, wrapped_end = await until_closed(wrapped)
        lasted_s = time.monotonic() - begin_s
        await control(exchange, "/clock/start", {})
        assert json.loads(await spared.recv())["e"] == "trade"

    event = {"e": "serverShutdown", "E": exchange.book.live_start_ms}
    assert answer["connections"] == 2
    assert raw_messages == [event]
    assert wrapped_messages == [{"stream": "!serverShutdown", "data": event}]
    assert [end.rcvd.code for end in (raw_end, wrapped_end) if end.rcvd] == [1001, 1001]
    assert lasted_s >= notice_s


async def test_new_websockets_are_refused_for_a_while() -> None:
    async with running(settings(connect_attempts=1_000_000)) as exchange:
        async with connect(f"{exchange.ws_url}/ws") as old:
            await control(exchange, "/faults", {"kind": "refuse", "seconds": 0.4})
            begin_s = time.monotonic()
            with pytest.raises(websockets.InvalidStatus) as caught:
                await connect(f"{exchange.ws_url}/ws")
            await old.send('{"method":"LIST_SUBSCRIPTIONS","id":1}')
            assert json.loads(await old.recv()) == {"result": [], "id": 1}
            async with asyncio.timeout(BOUND_S):
                while not await opens(f"{exchange.ws_url}/ws"):
                    pass
        status = await control(exchange, "/status")

    assert caught.value.response.status_code == 503
    assert time.monotonic() - begin_s >= 0.35
    assert status["connections_refused"] == status["connection_attempts"] - 2


async def opens(url: str) -> bool:
    try:
        async with connect(url):
            return True
    except websockets.InvalidStatus:
        return False


async def test_a_websocket_is_cut_at_the_end_of_its_life() -> None:
    async with running(settings(life_s=0.3)) as exchange:
        begin_s = time.monotonic()
        async with connect(f"{exchange.ws_url}/ws") as stream:
            _, ended = await until_closed(stream)
        lasted_s = time.monotonic() - begin_s

    assert ended.rcvd is None
    assert lasted_s >= 0.3


async def test_the_life_of_open_websockets_may_be_changed() -> None:
    async with running(settings()) as exchange, connect(f"{exchange.ws_url}/ws") as stream:
        answer = await control(exchange, "/faults", {"kind": "life", "seconds": 0.2})
        await until_closed(stream)

    assert answer["connections"] == 1


async def test_too_many_attempts_are_answered_with_429() -> None:
    given = settings(connect_attempts=2, connect_window_s=100)
    async with running(given) as exchange:
        url = f"{exchange.ws_url}/ws"
        assert await opens(url)
        assert await opens(url)
        with pytest.raises(websockets.InvalidStatus) as caught:
            await connect(url)
        status = await control(exchange, "/status")

    assert caught.value.response.status_code == 429
    assert 90 < int(caught.value.response.headers["Retry-After"]) <= 100
    assert (status["connection_attempts"], status["connections_refused"]) == (3, 1)


@pytest.mark.parametrize(("form", "nested"), [("flat", (0, 0)), ("nested", (1, 1))])
async def test_control_errors_come_in_the_form_asked_for(
    form: str, nested: tuple[int, int]
) -> None:
    async with running(settings()) as exchange, connect(f"{exchange.ws_url}/ws") as stream:
        await control(exchange, "/faults", {"kind": "error_form", "form": form})
        answers = []
        for text in ('{"method":"DANCE","id":1}', '{"method":"SUBSCRIBE","params":["a b"],"id":1}'):
            await stream.send(text)
            answers.append(json.loads(await stream.recv()))

    assert tuple("error" in answer for answer in answers) == nested
    assert [answer.get("error", answer)["code"] for answer in answers] == [2, 2]
