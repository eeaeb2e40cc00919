"""Dump files of the book: bytes that never change, ms before 2025 and µs from then on."""

from __future__ import annotations

import csv
import hashlib
import io
import zipfile
from datetime import UTC, datetime

import httpx
import pytest

from conf.names import HOUR_MS, epoch_ms
from exchange.dumps import dump_zip
from exchange.intervals import HOURLY, klines
from exchange.server import running
from tests.support.standin import rest_of, settings

pytestmark = pytest.mark.unit

LIVE = datetime(2025, 1, 2, tzinfo=UTC)
MONTHLY = "/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-{}.zip"
DAILY = "/data/spot/daily/klines/BTCUSDT/1h/BTCUSDT-1h-{}.zip"


def rows_in(content: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        assert name.endswith(".csv")
        return list(csv.reader(io.StringIO(archive.read(name).decode())))


async def test_files_tell_the_same_hours_as_rest_and_state_their_checksum() -> None:
    async with (
        running(settings(start=LIVE, history_hours=72)) as exchange,
        rest_of(exchange) as rest,
    ):
        asked = {"symbol": "BTCUSDT", "interval": "1h", "startTime": 0, "limit": 1000}
        told = (await rest.get("/klines", params=asked)).json()
        async with httpx.AsyncClient(base_url=exchange.rest_url) as host:
            month = await host.get(MONTHLY.format("2024-12"))
            day = await host.get(DAILY.format("2025-01-01"))
            stated = await host.get(MONTHLY.format("2024-12") + ".CHECKSUM")
            again = await host.get(MONTHLY.format("2024-12"))
            absent = [
                MONTHLY.format("2025-01"),  # not over
                DAILY.format("2025-01-02"),
                MONTHLY.format("2024-11"),  # before the first hour
                DAILY.format("2024-12"),
                MONTHLY.format("2024-12-31"),
                DAILY.format("2024-02-30"),
                MONTHLY.format("2024-12").replace("BTCUSDT", "NOPEUSDT"),
                MONTHLY.format("2024-12").replace(".zip", ".csv"),
            ]
            statuses = [(await host.get(path)).status_code for path in absent]
    live_ms = epoch_ms(LIVE)
    expected = [[str(cell) for cell in row] for row in told if row[0] < live_ms]
    in_month, in_day = rows_in(month.content), rows_in(day.content)
    assert (len(in_month), len(in_day)) == (48, 24)
    assert in_month == expected[:48]
    for row, other in zip(in_day, expected[48:], strict=True):
        assert [row[0], row[6]] == [other[0] + "000", other[6] + "999"]
        assert row[1:6] + row[7:] == other[1:6] + other[7:]
    assert stated.text == f"{hashlib.sha256(month.content).hexdigest()}  BTCUSDT-1h-2024-12.zip\n"
    assert again.content == month.content
    assert statuses == [404] * len(absent)


async def test_halted_hours_are_absent_and_quiet_ones_flat() -> None:
    given = settings(start=LIVE, quiet_hours=("BTCUSDT:1",), halted_hours=("BTCUSDT:2",))
    async with running(given) as exchange:
        series = exchange.book.series["BTCUSDT"]
        begin = epoch_ms(LIVE)
        content = dump_zip(series, "x.zip", begin, begin + 4 * HOUR_MS)
        bars = klines(series, HOURLY, begin + 4 * HOUR_MS, start_ms=begin, end_ms=None, limit=4)
    assert content is not None
    rows = rows_in(content)
    opens = [int(row[0]) // 1000 for row in rows]
    assert opens == [begin, begin + HOUR_MS, begin + 3 * HOUR_MS]
    assert opens == [bar.open_ms for bar in bars[:3]]
    assert len(set(rows[1][1:5])) == 1
    assert rows[1][8] == "0"
