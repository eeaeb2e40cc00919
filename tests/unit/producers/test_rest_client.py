"""The REST client against a real HTTP server that misbehaves as told."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from aiohttp import web

from conf.producer import ProducerSettings
from producers.errors import RestError, StartupError
from producers.listing import check_symbols, refuse_unknown
from producers.rest_client import RestClient, should_retry

pytestmark = pytest.mark.unit

SETTINGS = ProducerSettings(retry_base_s=0.01, retry_cap_s=0.05, rest_timeout_s=2)


class Exchange:
    """Answers `answers` one after the other, the last one for ever."""

    def __init__(self) -> None:
        self.answers: list[web.Response] = []
        self.requests: list[web.Request] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        index = min(len(self.requests), len(self.answers)) - 1
        template = self.answers[index]
        return web.Response(
            status=template.status, headers=template.headers.copy(), body=template.body
        )


@pytest_asyncio.fixture
async def exchange() -> AsyncIterator[Exchange]:
    server = Exchange()
    app = web.Application()
    app.router.add_get("/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


def refusal(status: int, code: int, **headers: str) -> web.Response:
    return web.json_response({"code": code, "msg": "no"}, status=status, headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "again"),
    [
        (0, None, True),
        (408, None, True),
        (429, -1003, True),
        (429, None, True),
        (418, -1003, False),
        (403, None, False),
        (404, None, False),
        (500, None, True),
        (502, None, True),
        (503, -1008, True),
        (504, -1007, True),
        (400, -1121, False),
        (400, -1100, False),
        (400, -1102, False),
        (400, -1128, False),
        (400, -1000, True),
        (400, -1016, True),
    ],
)
def test_retry_table(status: int, code: int | None, again: bool) -> None:
    assert should_retry(RestError("x", status=status, code=code)) is again


def test_only_rest_errors_are_retried() -> None:
    assert not should_retry(ValueError())


async def test_an_overload_is_retried(exchange: Exchange) -> None:
    exchange.answers = [refusal(503, -1008), web.json_response({"serverTime": 17})]
    async with RestClient(exchange.url, SETTINGS) as rest:
        assert await rest.server_time_ms() == 17
    assert len(exchange.requests) == 2


async def test_attempts_are_bounded(exchange: Exchange) -> None:
    exchange.answers = [web.Response(status=502, text="<html>gateway</html>")]
    async with RestClient(exchange.url, SETTINGS) as rest:
        with pytest.raises(RestError) as caught:
            await rest.server_time_ms()
    assert (caught.value.status, caught.value.code) == (502, None)
    assert len(exchange.requests) == SETTINGS.rest_attempts


async def test_a_mistake_of_ours_is_not_repeated(exchange: Exchange) -> None:
    exchange.answers = [refusal(400, -1121)]
    async with RestClient(exchange.url, SETTINGS) as rest:
        with pytest.raises(RestError):
            await rest.klines("NOUSDT", 0, 1)
    assert len(exchange.requests) == 1


async def test_retry_after_is_honoured_by_every_request(exchange: Exchange) -> None:
    exchange.answers = [
        refusal(429, -1003, **{"Retry-After": "1"}),
        web.json_response({"serverTime": 17}),
    ]
    async with RestClient(exchange.url, SETTINGS) as rest:
        started = time.monotonic()
        assert await rest.server_time_ms() == 17
    assert time.monotonic() - started >= 1.0


async def test_at_418_it_stops(exchange: Exchange) -> None:
    exchange.answers = [refusal(418, -1003, **{"Retry-After": "120"})]
    async with RestClient(exchange.url, SETTINGS) as rest:
        with pytest.raises(RestError) as caught:
            await rest.server_time_ms()
        assert caught.value.retry_after_s == 120
        assert rest.pause_s() > 118
    assert len(exchange.requests) == 1


async def test_weight_near_the_limit_stops_until_the_next_minute(exchange: Exchange) -> None:
    heavy = web.json_response({"serverTime": 17}, headers={"X-MBX-USED-WEIGHT-1M": "4800"})
    exchange.answers = [heavy]
    async with RestClient(exchange.url, SETTINGS) as rest:
        await rest.server_time_ms()
        assert rest.used_weight == 4800
        assert 0 < rest.pause_s() <= 61


async def test_weight_below_the_share_does_not_stop(exchange: Exchange) -> None:
    light = web.json_response({"serverTime": 17}, headers={"X-MBX-USED-WEIGHT-1M": "4799"})
    exchange.answers = [light]
    async with RestClient(exchange.url, SETTINGS) as rest:
        await rest.server_time_ms()
        assert rest.pause_s() == 0


async def test_invalidated_aggregates_are_skipped(exchange: Exchange) -> None:
    exchange.answers = [web.json_response([{"a": 1, "p": "0", "f": -1}, {"a": 2, "f": 7}])]
    async with RestClient(exchange.url, SETTINGS) as rest:
        assert await rest.first_aggregate_since("BTCUSDT", 5) == {"a": 2, "f": 7}


async def test_symbols_that_are_not_listed_are_told_from_the_others(exchange: Exchange) -> None:
    known = web.json_response({"symbols": [{"symbol": "BTCUSDT", "status": "TRADING"}]})
    unknown = refusal(400, -1121)
    exchange.answers = [unknown, known, unknown]
    async with RestClient(exchange.url, SETTINGS) as rest:
        assert await check_symbols(rest, ["BTCUSDT", "NOUSDT"], exchange.url) == ["NOUSDT"]


def test_unknown_symbols_are_named() -> None:
    refuse_unknown([], "http://x")
    with pytest.raises(StartupError, match=r"unknown symbol NOUSDT: .* NEXTHOUR_SYMBOLS"):
        refuse_unknown(["NOUSDT"], "http://x")
    with pytest.raises(StartupError, match=r"MATICUSDT ended on .* goes on as POLUSDT since"):
        refuse_unknown(["MATICUSDT"], "http://x")


async def test_a_host_without_historical_trades_serves_what_it_has(exchange: Exchange) -> None:
    recent = [{"id": i, "time": 7} for i in range(50, 60)]
    exchange.answers = [
        web.Response(status=404, text="<html></html>", content_type="text/html"),
        web.json_response(recent),
        web.json_response(recent),
    ]
    async with RestClient(exchange.url, SETTINGS) as rest:
        rows = await rest.historical_trades("BTCUSDT", 3, 55, 7)
        assert [row["id"] for row in rows] == [55, 56, 57]
        assert not rest.serves_history
        # The second time it is not asked in vain.
        assert [r["id"] for r in await rest.historical_trades("BTCUSDT", 9, 58, 7)] == [58, 59]


async def test_a_limit_is_told(exchange: Exchange) -> None:
    exchange.answers = [refusal(418, -1003)]
    told: list[str] = []
    async with RestClient(exchange.url, SETTINGS) as rest:
        rest.on_limited = told.append
        with pytest.raises(RestError):
            await rest.server_time_ms()
    assert told == ["HTTP 418, silent for 1 s"]


async def test_a_halted_symbol_does_not_stop_the_start(exchange: Exchange) -> None:
    exchange.answers = [
        web.json_response(
            {
                "symbols": [{"symbol": "BTCUSDT", "status": "BREAK"}],
                "rateLimits": [
                    {"rateLimitType": "REQUEST_WEIGHT", "interval": "MINUTE", "limit": 100}
                ],
            }
        )
    ]
    async with RestClient(exchange.url, SETTINGS) as rest:
        await check_symbols(rest, ["BTCUSDT"], exchange.url)
        assert rest.weight_limit == 100


async def test_nobody_there() -> None:
    async with RestClient("http://127.0.0.1:9", SETTINGS) as rest:
        with pytest.raises(StartupError, match="no exchange at"):
            await check_symbols(rest, ["BTCUSDT"], "http://127.0.0.1:9")
