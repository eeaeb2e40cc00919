"""Bars of four hours and a day, put together from the hours."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from tests.support.api_data import DAY, HOUR, SYMBOL, WRITTEN, candle, candles, hours_of, insert

pytestmark = pytest.mark.integration


def fill_day(writer: Connection, hours: list[int], **changes: dict[str, Any]) -> None:
    """Write hours of a day, hour n at n + 100; `changes` by hour as ``h5={…}``."""
    rows = []
    for hour in hours:
        price = Decimal(100 + hour)
        fields = {
            "open": price,
            "high": price + 3,
            "low": price - 3,
            "close": price + 1,
            "first_trade_id": hour * 10 + 1,
            "last_trade_id": hour * 10 + 10,
            "updated_at": WRITTEN + hour * HOUR,
        }
        rows.append(candle(SYMBOL, DAY + hour * HOUR, **fields) | changes.get(f"h{hour}", {}))
    insert(writer, "candle", *rows)


def test_a_bar_is_made_of_its_hours(own: TestClient, writer: Connection) -> None:
    fill_day(writer, list(range(9)))
    first, second = candles(own, interval="4h")
    assert first == {
        "symbol": SYMBOL,
        "interval": "4h",
        "open_time": "2025-03-01T00:00:00Z",
        "revision": None,
        "open": "100",
        "high": "106",
        "low": "97",
        "close": "104",
        "volume": "10",
        "quote_volume": "1000",
        "taker_buy_volume": "4",
        "taker_buy_quote_volume": "400",
        "trades": 40,
        "first_trade_id": 1,
        "last_trade_id": 40,
        "hours": 4,
        "hours_expected": 4,
        "status": "final",
        "verdict": "complete",
        "reason": None,
        "witness": None,
        "source": "trades",
        "updated_at": "2025-03-05T15:00:00Z",
    }
    assert (second["open"], second["close"]) == ("104", "108")


def test_a_bar_is_over_once_a_later_hour_is_known_whatever_it_lacks(
    own: TestClient, writer: Connection
) -> None:
    fill_day(writer, [0, 1, 2])
    assert candles(own, interval="4h") == []
    (running,) = candles(own, interval="4h", provisional=True)
    assert (running["hours"], running["status"], running["verdict"]) == (3, "provisional", None)
    fill_day(writer, [4], h4={"status": "provisional", "verdict": None, "witness": None})
    (over,) = candles(own, interval="4h")
    assert (over["hours"], over["status"], over["verdict"]) == (3, "incomplete", "complete")
    over, running = candles(own, interval="4h", provisional=True)
    assert (over["status"], running["status"], running["hours"]) == ("incomplete", "provisional", 1)
    assert candles(own, interval="1d") == []


def test_a_whole_bar_is_final_before_anything_later_is_known(
    own: TestClient, writer: Connection
) -> None:
    fill_day(writer, [0, 1, 2, 3])
    (bar,) = candles(own, interval="4h")
    assert (bar["hours"], bar["status"]) == (4, "final")


def test_a_bars_verdict_is_the_worst_of_its_hours(own: TestClient, writer: Connection) -> None:
    fill_day(
        writer,
        list(range(12)),
        h1={"verdict": "disputed", "reason": "ids 3..4 are missing"},
        h2={"verdict": "partial", "reason": "the series begins inside the hour"},
        h4={"verdict": "quiet", "trades": 0, "first_trade_id": None, "last_trade_id": None},
        h9={"verdict": "history", "source": "dump", "taker_buy_volume": None},
    )
    found = candles(own, interval="4h")
    assert [row["verdict"] for row in found] == ["disputed", "quiet", "history"]
    assert found[0]["reason"] == "ids 3..4 are missing"
    assert found[1]["first_trade_id"] == 51
    assert [row["source"] for row in found] == ["trades", "trades", "dump,trades"]
    assert (found[2]["taker_buy_volume"], found[2]["volume"]) == (None, "10"), "unknown is not zero"


def test_a_bar_takes_the_current_revision_of_each_hour(own: TestClient, writer: Connection) -> None:
    fill_day(writer, [0, 1, 2, 3])
    insert(writer, "candle", candle(SYMBOL, DAY + 3 * HOUR, revision=2, close=Decimal(777)))
    (bar,) = candles(own, interval="4h")
    assert (bar["close"], bar["trades"], bar["hours"]) == ("777", 40, 4)


def test_a_range_of_bars_has_whole_bars_only(own: TestClient, writer: Connection) -> None:
    fill_day(writer, list(range(24)))
    given = {"from": "2025-03-01T01:00:00Z", "until": "2025-03-01T13:00:00Z"}
    found = candles(own, interval="4h", **given)
    assert hours_of(found) == [4, 8, 12]
    assert {row["hours"] for row in found} == {4}


@pytest.mark.parametrize("interval", ["4h", "1d"])
def test_bars_equal_bars_made_by_hand(client: TestClient, interval: str) -> None:
    hours = candles(client, symbol="BTCUSDT", limit=1000)
    size = {"4h": 4, "1d": 24}[interval]
    for bar in candles(client, symbol="BTCUSDT", interval=interval):
        day = bar["open_time"][:11]
        begin = int(bar["open_time"][11:13])
        parts = [
            row
            for row in hours
            if row["open_time"].startswith(day)
            and begin <= int(row["open_time"][11:13]) < begin + size
        ]
        assert len(parts) == bar["hours"]
        assert (bar["open"], bar["close"]) == (parts[0]["open"], parts[-1]["close"])
        assert Decimal(bar["high"]) == max(Decimal(row["high"]) for row in parts)
        assert Decimal(bar["quote_volume"]) == sum(Decimal(row["quote_volume"]) for row in parts)
