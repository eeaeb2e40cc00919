"""Klines and listings as the exchange sends them: good, quiet, halted, running, broken."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest

from conf.contracts.errors import ContractError
from conf.names import HOUR_MS
from streaming.history.klines import closed_bars, page_starts, parse_bar, parse_listing
from streaming.history.stores import SOURCE, parquet_bytes

pytestmark = pytest.mark.unit

START = 1_767_225_600_000


def kline(open_ms: int = START, *, price: str = "0.00000812", **changes: Any) -> list[Any]:
    row = [open_ms, price, price, price, price, "12345678901234.00000000", open_ms + HOUR_MS - 1]
    row += ["100246912.67802008", 5, "1.00000000", "0.00000812", "0"]
    for position, value in changes.items():
        row[int(position.removeprefix("at_"))] = value
    return row


def test_every_digit_is_kept() -> None:
    bar = parse_bar(kline())
    assert bar.quote_volume == Decimal("100246912.67802008")
    assert bar.volume == Decimal(12345678901234)
    assert (bar.open_time_ms, bar.trades) == (START, 5)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (kline(START + 1), "no whole hour"),
        (kline(at_6=START + 60_000), "no whole hour"),
        (kline(at_2="0.00000001"), "impossible"),
        (kline(at_3="1"), "impossible"),
        (kline(price="0"), "impossible"),
        (kline(at_1="NaN"), "no kline|impossible"),
        (kline(at_5="-1"), "negative"),
        (kline(at_8=-1), "negative"),
        (kline(at_4="cheap"), "no kline"),
        (kline(at_4=None), "no kline"),
        (kline()[:5], "no kline"),
    ],
)
def test_impossible_klines_say_why(row: list[Any], reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        parse_bar(row)


def test_only_closed_hours_each_once_halted_ones_absent() -> None:
    hours = [START - HOUR_MS, START, START, START + 2 * HOUR_MS, START + 3 * HOUR_MS]
    rows = [kline(hour) for hour in reversed(hours)] + [["rubbish"]]
    bars, rejected = closed_bars(rows, START, START + 3 * HOUR_MS)
    assert [bar.open_time_ms for bar in bars] == [START, START + 2 * HOUR_MS]
    assert len(rejected) == 1


def test_hour_counts_as_closed_only_when_it_is_over() -> None:
    end = START + HOUR_MS
    assert closed_bars([kline()], START, end - 1) == ([], [])
    assert len(closed_bars([kline()], START, end)[0]) == 1


def test_pages_cover_the_range() -> None:
    assert page_starts(START, START) == []
    pages = page_starts(START, START + 2400 * HOUR_MS)
    assert pages == [START, START + 1000 * HOUR_MS, START + 2000 * HOUR_MS]


def test_listing() -> None:
    row = {
        "symbol": "BTCUSDT",
        "status": "BREAK",
        "baseAsset": "BTC",
        "quoteAsset": "USDT",
        "filters": [
            {"filterType": "PRICE_FILTER", "tickSize": "0.01000000"},
            {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
            {"filterType": "NOTIONAL"},
        ],
    }
    listing = parse_listing(row)
    assert (listing.tick_size, listing.step_size) == (Decimal("0.01"), Decimal("0.00001"))
    with pytest.raises(ContractError, match="BTCUSDT"):
        parse_listing({**row, "filters": []})


def test_history_file_has_the_layout_that_training_reads() -> None:
    table = pq.read_table(io.BytesIO(parquet_bytes([parse_bar(kline())])))
    assert table.column_names == [
        *("open_time", "open", "high", "low", "close", "volume", "quote_volume"),
        *("taker_buy_volume", "taker_buy_quote_volume", "trades", "source"),
    ]
    assert str(table.schema.field("open_time").type) == "timestamp[ms, tz=UTC]"
    assert str(table.schema.field("close").type) == "double"
    assert table.to_pylist()[0]["source"] == SOURCE
    assert table.to_pylist()[0]["close"] == 8.12e-6
