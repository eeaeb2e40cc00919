"""Recorded candles: what their digits say, which hours are there, and where live begins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.names import HOUR_MS, epoch_ms
from conf.standin import StandInSettings
from exchange.bars import HourState
from exchange.book import recorded_book
from exchange.errors import StandInError
from exchange.recorded import live_start_ms, read_recorded

pytestmark = pytest.mark.unit

START = datetime(2024, 1, 1, tzinfo=UTC)
START_MS = epoch_ms(START)
SCHEMA = pa.schema(
    [
        ("open_time", pa.timestamp("ms", tz="UTC")),
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
        ("quote_volume", pa.float64()),
        ("trades", pa.int64()),
        ("source", pa.string()),
    ]
)


def row(hour: int, **values: Any) -> dict[str, Any]:
    given = {
        "open_time": START + timedelta(hours=hour),
        "open": 100.25,
        "high": 101.0,
        "low": 99.5,
        "close": 100.5,
        "volume": 12.345,
        "quote_volume": None,
        "trades": None,
        "source": "test",
    }
    return {**given, **values}


def write(folder: Path, symbol: str, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, SCHEMA), folder / f"{symbol}-1h.parquet")


def close_only(hour: int) -> dict[str, Any]:
    return row(hour, open=None, high=None, low=None, volume=None)


def test_tick_and_step_are_those_of_the_record(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", [row(hour, close=100.5 + hour / 1000) for hour in range(3)])

    (hours,) = read_recorded(tmp_path, ["BTCUSDT"])

    assert (hours.listing.price_decimals, hours.listing.quantity_decimals) == (3, 3)
    assert (hours.listing.symbol, hours.listing.base) == ("BTCUSDT", "BTC")


def test_hours_are_traded_quiet_or_absent(tmp_path: Path) -> None:
    flat = {"open": 100.5, "high": 100.5, "low": 100.5, "volume": 0.0}
    write(tmp_path, "BTCUSDT", [row(0), row(1, **flat), row(3), close_only(4)])

    book = recorded_book(StandInSettings(history_dir=tmp_path, symbols=("BTCUSDT",)))
    series = book.series["BTCUSDT"]

    states = [series.state(START_MS + hour * HOUR_MS) for hour in range(4)]
    traded, quiet, absent = HourState.TRADED, HourState.QUIET, HourState.ABSENT
    assert states == [traded, quiet, absent, traded]
    assert book.live_start_ms == START_MS + 4 * HOUR_MS
    bar = series.closed_bar(START_MS + HOUR_MS)
    assert series.listing.price_text(bar.close) == "100.50000000"
    assert bar.trades == 0


def test_count_and_quote_volume_are_met_where_the_record_has_them(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", [row(0, trades=1_234, quote_volume=1_238.7654), row(1)])

    series = recorded_book(StandInSettings(history_dir=tmp_path, symbols=("BTCUSDT",))).series[
        "BTCUSDT"
    ]
    bar = series.closed_bar(START_MS)

    assert bar.trades == 1_234
    assert series.listing.quote_text(bar.quote) == "1238.76540000"
    assert series.closed_bar(START_MS + HOUR_MS).trades >= 4


def test_an_hour_of_unknown_count_has_a_trade_to_spare_for_its_quote_volume(tmp_path: Path) -> None:
    # Prices of whole tens of ticks: four trades that touch them could only add up to such tens.
    known = {"open": 100.2, "high": 100.9, "low": 99.5, "close": 100.4, "volume": 0.113}
    busy = [row(hour, volume=10_000.0) for hour in range(2, 6)]
    write(
        tmp_path,
        "BTCUSDT",
        [row(0, **known, quote_volume=11.31234), row(1, **known), *busy],
    )

    series = recorded_book(
        StandInSettings(history_dir=tmp_path, symbols=("BTCUSDT",), trades_per_hour=1)
    ).series["BTCUSDT"]
    bar = series.closed_bar(START_MS)

    assert bar.trades == 5
    assert series.listing.quote_text(bar.quote) == "11.31234000"
    assert series.closed_bar(START_MS + HOUR_MS).trades == 4


def test_live_starts_after_the_last_common_hour(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", [row(hour) for hour in range(10)])
    write(tmp_path, "ETHUSDT", [*(row(hour) for hour in range(2, 7)), close_only(7)])

    recorded = read_recorded(tmp_path, ["BTCUSDT", "ETHUSDT", "NOSUCHUSDT"])

    assert [hours.listing.symbol for hours in recorded] == ["BTCUSDT", "ETHUSDT"]
    assert live_start_ms(recorded) == START_MS + 7 * HOUR_MS


def test_a_later_listing_is_absent_before_it(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", [row(hour) for hour in range(5)])
    write(tmp_path, "ETHUSDT", [row(hour) for hour in range(2, 5)])
    settings = StandInSettings(history_dir=tmp_path, symbols=("BTCUSDT", "ETHUSDT"))

    series = recorded_book(settings).series["ETHUSDT"]

    assert series.bar(START_MS + HOUR_MS, START_MS + 9 * HOUR_MS) is None
    bar = series.bar(START_MS + 2 * HOUR_MS, START_MS + 9 * HOUR_MS)
    assert bar is not None
    assert bar.first_id == 1


def test_live_from_history_ends_with_the_record(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", [row(hour) for hour in range(5)])
    settings = StandInSettings(
        history_dir=tmp_path,
        symbols=("BTCUSDT",),
        live_from_history=True,
        start=START + timedelta(hours=2),
    )

    book = recorded_book(settings)
    series = book.series["BTCUSDT"]

    assert book.live_start_ms == START_MS + 2 * HOUR_MS
    assert series.closed_bar(START_MS + 4 * HOUR_MS).trades > 0
    assert series.state(START_MS + 5 * HOUR_MS) is HourState.ABSENT
    assert series.end_ms() == START_MS + 5 * HOUR_MS


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StandInError, match="NEXTHOUR_STANDIN_HISTORY_DIR"):
        read_recorded(tmp_path, ["BTCUSDT"])


def test_a_file_that_is_no_record_is_named(tmp_path: Path) -> None:
    (tmp_path / "BTCUSDT-1h.parquet").write_bytes(b"no parquet")

    with pytest.raises(StandInError, match=r"BTCUSDT-1h\.parquet") as caught:
        read_recorded(tmp_path, ["BTCUSDT"])
    assert "\n" not in str(caught.value)


def test_a_record_without_the_columns_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"open_time": [1]}), tmp_path / "BTCUSDT-1h.parquet")

    with pytest.raises(StandInError, match=r"BTCUSDT-1h\.parquet"):
        read_recorded(tmp_path, ["BTCUSDT"])


def test_records_without_a_common_hour_are_refused(tmp_path: Path) -> None:
    write(tmp_path, "BTCUSDT", [row(0)])
    write(tmp_path, "ETHUSDT", [row(1)])

    with pytest.raises(StandInError, match="BTCUSDT, ETHUSDT"):
        live_start_ms(read_recorded(tmp_path, ["BTCUSDT", "ETHUSDT"]))
