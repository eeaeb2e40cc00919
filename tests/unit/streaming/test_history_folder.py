"""Recorded hours of a folder: unknown stays unknown, impossible is refused, months are kept apart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.contracts.errors import ContractError
from conf.names import HOUR_MS, epoch_ms
from streaming.history.folder import FolderSource, Grid, folder_bar, symbols_in
from streaming.history.sources import BackfillError, Chunk

pytestmark = pytest.mark.unit

START = datetime(2024, 1, 31, 22, tzinfo=UTC)
START_NS = epoch_ms(START) * 10**6
EVER = (0, 2**53)
FIGURES = ("open", "high", "low", "close", "volume", "quote_volume")
GOOD = (START_NS, 5.1, 7.0, 4.0, 6.0, 10.5, 55.0, None, None, 3)


def row(**changes: Any) -> tuple[Any, ...]:
    cells = list(GOOD)
    for position, value in changes.items():
        cells[int(position.removeprefix("at_"))] = value
    return tuple(cells)


def write(folder: Path, rows: list[tuple[Any, ...]], unit: str = "ms") -> None:
    per_unit = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[unit]
    times = [None if cells[0] is None else cells[0] // per_unit for cells in rows]
    columns: dict[str, Any] = {"open_time": pa.array(times, pa.timestamp(unit, tz="UTC"))}
    for position, name in enumerate(FIGURES, 1):
        columns[name] = pa.array([cells[position] for cells in rows], pa.float64())
    columns["trades"] = pa.array([cells[9] for cells in rows], pa.int64())
    pq.write_table(pa.table(columns), folder / "BTCUSDT-1h.parquet")


async def chunks_of(folder: Path, bounds: tuple[int, int] = EVER) -> list[Chunk]:
    source = FolderSource(folder, bounds, {})
    found = []
    for month in await source.months("BTCUSDT"):
        async for chunk in source.read("BTCUSDT", month, {}):
            assert isinstance(chunk, Chunk)
            found.append(chunk)
    return found


def test_unknown_figures_stay_unknown_and_known_ones_are_exact() -> None:
    bar = folder_bar(row(at_5=0.1 + 0.2, at_6=None, at_9=None), None)
    assert (bar.volume, bar.quote_volume, bar.trades) == (Decimal("0.3"), None, None)
    assert bar.taker_buy_volume is None
    only_close = folder_bar(row(at_1=None, at_2=None, at_3=None, at_5=None), None)
    assert (only_close.open, only_close.close) == (None, Decimal(6))
    on_grid = folder_bar(row(at_5=1234567.8000000003), Grid(Decimal("0.01"), Decimal("0.1")))
    assert on_grid.volume == Decimal("1234567.8")


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (row(at_0=None), "no open time"),
        (row(at_0=3_600 * 10**12), "no open time"),  # 1970, which is no number of ms
        (row(at_0=START_NS + 1), "misaligned"),
        (row(at_4=None), "close is unknown"),
        (row(at_4=float("nan")), "not finite"),
        (row(at_2=float("inf")), "not finite"),
        (row(at_2=5.9), "high is not the highest"),
        (row(at_3=5.2), "low is not the lowest"),
        (row(at_1=None, at_3=6.5), "low is not the lowest"),
        (row(at_3=1e-12), "not above 0"),
        (row(at_5=-1.0), "negative"),
        (row(at_9=-1), "negative"),
        (row(at_9=2.5), "no number"),
        (row(at_7=11.0), "bought by takers"),
    ],
)
def test_impossible_hours_say_why(cells: tuple[Any, ...], reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        folder_bar(cells, None)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
async def test_months_are_chunks_and_no_row_is_lost(tmp_path: Path, unit: str) -> None:
    hours = [row(at_0=START_NS + n * HOUR_MS * 10**6) for n in (3, 0, 1, 2, 2)]
    write(tmp_path, [*hours, row(at_0=None), row(at_0=0)], unit)
    january, february = await chunks_of(tmp_path)
    assert (january.part.name, february.part.name) == ("2024-01", "2024-02")
    assert [bar.open_time_ms for bar in january.cleaned.bars] == [
        epoch_ms(START),
        epoch_ms(START) + HOUR_MS,
    ]
    assert len(january.cleaned.rejections) == 2
    assert (len(february.cleaned.bars), february.cleaned.repeated) == (2, 1)
    assert january.is_whole
    assert january.checksum == february.checksum


async def test_range_cuts_months_off_and_an_unended_one_is_asked_for_again(tmp_path: Path) -> None:
    write(tmp_path, [row(at_0=START_NS + n * HOUR_MS * 10**6) for n in range(6)])
    half = epoch_ms(START + timedelta(hours=4))
    assert [chunk.part.name for chunk in await chunks_of(tmp_path, (0, half - 2 * HOUR_MS))] == [
        "2024-01"
    ]
    _, february = await chunks_of(tmp_path, (0, half))
    assert [bar.open_time_ms for bar in february.cleaned.bars] == [
        half - 2 * HOUR_MS,
        half - HOUR_MS,
    ]
    assert not february.is_whole
    (only,) = await chunks_of(tmp_path, (half, 2**53))
    assert only.part.name == "2024-02"


async def test_a_month_is_loaded_only_if_it_came_from_this_very_file(tmp_path: Path) -> None:
    write(tmp_path, [GOOD])
    source = FolderSource(tmp_path, EVER, {})
    (month,) = await source.months("BTCUSDT")
    (chunk,) = [found async for found in source.read("BTCUSDT", month, {})]
    assert isinstance(chunk, Chunk)
    assert source.is_loaded("BTCUSDT", month, {"2024-01": chunk.checksum})
    assert not source.is_loaded("BTCUSDT", month, {})
    write(tmp_path, [row(at_4=6.5)])
    await source.months("BTCUSDT")
    assert not source.is_loaded("BTCUSDT", month, {"2024-01": chunk.checksum})


async def test_what_is_no_record_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BackfillError, match="holds no SYMBOL"):
        symbols_in(tmp_path)
    path = tmp_path / "BTCUSDT-1h.parquet"
    path.write_bytes(b"PAR?")
    assert symbols_in(tmp_path) == ("BTCUSDT",)
    contents = {
        "no column open": pa.table({"open_time": [1]}),
        "no timestamp": pa.table({name: [1.0] for name in ("open_time", *FIGURES)}),
    }
    with pytest.raises(BackfillError, match="cannot be read") as caught:
        await chunks_of(tmp_path)
    assert "\n" not in str(caught.value)
    for reason, table in contents.items():
        pq.write_table(table, path)
        with pytest.raises(BackfillError, match=reason):
            await chunks_of(tmp_path)
    write(tmp_path, [row(at_0=None)])
    with pytest.raises(BackfillError, match="no row with a time"):
        await chunks_of(tmp_path)
