from collections.abc import Callable

import httpx
import pytest

from conf.settings import ExchangeSettings
from streaming.forecasts.batch import Clock

pytestmark = pytest.mark.unit

EXCHANGE = ExchangeSettings(rest_url="http://exchange.test")


def clock_of(answer: Callable[[httpx.Request], httpx.Response]) -> Clock:
    return Clock(httpx.Client(transport=httpx.MockTransport(answer)), EXCHANGE, speed=180.0)


def test_time_is_the_exchange_s() -> None:
    clock = clock_of(lambda _: httpx.Response(200, json={"serverTime": 1_767_225_600_000}))

    synced = clock.sync()

    assert synced is not None
    assert 0 <= synced.now_ms() - 1_767_225_600_000 < 180_000


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(503),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"code": -1}),
    ],
)
def test_exchange_that_never_answered_gives_no_time(answer: httpx.Response) -> None:
    assert clock_of(lambda _: answer).sync() is None


def test_last_estimate_is_kept_while_the_exchange_is_away() -> None:
    answers = iter([httpx.Response(200, json={"serverTime": 5})] * 5)

    def answer(request: httpx.Request) -> httpx.Response:
        try:
            return next(answers)
        except StopIteration as error:
            message = "no route"
            raise httpx.ConnectError(message, request=request) from error

    clock = clock_of(answer)
    first = clock.sync()

    assert first is not None
    assert clock.sync() is first
