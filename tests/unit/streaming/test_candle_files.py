"""The Parquet file of a candle holds every digit."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal

import pyarrow.parquet as pq
import pytest

from conf.names import Namespace
from streaming.candles.files import CandleFiles, parquet_bytes
from streaming.candles.verdict import judge, read_hour
from tests.support.candle_records import HOUR, closing
from tests.support.candle_rows import TRADES, row

pytestmark = pytest.mark.unit


def test_every_digit_survives() -> None:
    candle = judge(read_hour(row(TRADES)))
    (read,) = pq.read_table(io.BytesIO(parquet_bytes([candle]))).to_pylist()
    assert read["open_time"] == datetime(2026, 1, 1, tzinfo=UTC)
    for name in set(candle.__slots__) - {"open_time_ms"}:
        assert read[name] == getattr(candle, name), name


def test_hour_without_trades_has_nulls() -> None:
    candle = judge(read_hour(row([], [closing([], witness="END")])))
    (read,) = pq.read_table(io.BytesIO(parquet_bytes([candle]))).to_pylist()
    assert (read["open"], read["first_trade_id"], read["volume"]) == (None, None, Decimal(0))


def test_names_and_failure() -> None:
    written: list[str] = []

    def write(path: str, _content: bytes) -> None:
        written.append(path)
        if path.endswith("-r2.parquet"):
            raise OSError(path)

    files = CandleFiles(Namespace("demo"), write)
    candle = judge(read_hour(row(TRADES)))
    files.write([candle])
    assert written == [f"/nexthour/demo/candles/date=2026-01-01/BTCUSDT-{HOUR}-r0.parquet"]
    broken = type(candle)(
        **{name: getattr(candle, name) for name in candle.__slots__} | {"revision": 2}
    )
    with pytest.raises(OSError, match="r2"):
        files.write([candle, broken])
    files.close()
