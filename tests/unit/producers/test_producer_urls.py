from __future__ import annotations

import pytest

from conf.settings import DEFAULT_SYMBOLS
from producers.urls import STREAMS_PER_CONNECTION, stream_urls

pytestmark = pytest.mark.unit


def test_streams_stand_in_the_url_in_lower_case() -> None:
    assert stream_urls("wss://host:9443/", ["BTCUSDT", "ETHUSDT"], 6_000) == [
        (
            "wss://host:9443/stream?streams="
            "btcusdt@trade/btcusdt@kline_1h/ethusdt@trade/ethusdt@kline_1h",
            ["BTCUSDT", "ETHUSDT"],
        )
    ]


def test_ten_coins_need_one_connection() -> None:
    assert len(stream_urls("wss://host", DEFAULT_SYMBOLS, 6_000)) == 1


def test_long_urls_are_split_without_losing_a_symbol() -> None:
    urls = stream_urls("wss://host", DEFAULT_SYMBOLS, 200)
    assert len(urls) > 1
    assert all(len(url) <= 200 for url, _ in urls)
    assert [symbol for _, symbols in urls for symbol in symbols] == list(DEFAULT_SYMBOLS)


def test_no_connection_has_more_streams_than_the_exchange_allows() -> None:
    symbols = [f"A{number}USDT" for number in range(1_500)]
    urls = stream_urls("wss://host", symbols, 10**6)
    assert max(len(taken) for _, taken in urls) * 2 <= STREAMS_PER_CONNECTION
    assert sum(len(taken) for _, taken in urls) == 1_500


def test_other_alphabets_are_quoted() -> None:
    ((url, _),) = stream_urls("wss://host", ["币安USDT"], 6_000)
    assert "%E5%B8%81%E5%AE%89usdt@trade" in url
