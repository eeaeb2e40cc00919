"""Recorded hours are quantised to tick and step, and candles compared with them both ways."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.contracts.candles import Candle
from conf.names import HOUR_MS, epoch_ms, utc_time
from tests.support.real_hours import (
    RealHour,
    Units,
    compare_with_record,
    real_hours,
    write_window,
)

pytestmark = pytest.mark.unit

START = datetime(2021, 2, 10, 18, tzinfo=UTC)
START_MS = epoch_ms(START)
UNITS = {"AUSDT": Units(Decimal("0.01"), Decimal("0.001"))}


def write(folder: Path, rows: list[dict[str, object]]) -> None:
    schema = pa.schema(
        [
            ("open_time", pa.timestamp("ms", tz="UTC")),
            *((name, pa.float64()) for name in ("open", "high", "low", "close", "volume")),
            ("quote_volume", pa.float64()),
            ("trades", pa.int64()),
        ]
    )
    folder.mkdir(exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "AUSDT-1h.parquet")


def row(hour: int, **changes: object) -> dict[str, object]:
    figures = {"open": 1.01, "high": 1.2, "low": 0.99, "close": 1.1, "volume": 7.1234}
    fixed = {"open_time": utc_time(START_MS + hour * HOUR_MS), "quote_volume": 8.5, "trades": 5_000}
    return {**fixed, **figures, **changes}


def test_a_window_keeps_its_neighbourhood_and_forgets_large_counts(tmp_path: Path) -> None:
    rows = [row(-60), row(-3), row(0), row(1, trades=9), row(3), row(40)]
    write(tmp_path / "all", rows)
    write_window(tmp_path / "all", tmp_path / "some", ["AUSDT"], START, 2, most_trades=100)
    kept = pq.read_table(tmp_path / "some" / "AUSDT-1h.parquet").to_pylist()
    hours = [(epoch_ms(one["open_time"]) - START_MS) // HOUR_MS for one in kept]
    assert hours == [-3, 0, 1, 3]
    assert [one["trades"] for one in kept] == [None, None, 9, None]


def test_hours_are_quantised_and_unknown_figures_stay_unknown(tmp_path: Path) -> None:
    write(tmp_path, [row(0), row(1, quote_volume=None, trades=None), row(2)])
    found = real_hours(tmp_path, UNITS, START, 2)
    assert sorted(found) == [("AUSDT", START_MS), ("AUSDT", START_MS + HOUR_MS)]
    first, second = found["AUSDT", START_MS], found["AUSDT", START_MS + HOUR_MS]
    assert (str(first.high), str(first.volume), str(first.quote_volume)) == (
        "1.20",
        "7.123",
        "8.50000",
    )
    assert first.trades == 5_000
    assert (second.quote_volume, second.trades) == (None, None)


HOUR = RealHour(
    Decimal("1.01"), Decimal("1.2"), Decimal("0.99"), Decimal("1.1"), Decimal(7), None, None
)
CANDLE = Candle(
    symbol="AUSDT",
    open_time_ms=START_MS,
    revision=1,
    open=HOUR.open,
    high=HOUR.high,
    low=HOUR.low,
    close=HOUR.close,
    volume=HOUR.volume,
    quote_volume=Decimal(8),
    taker_buy_volume=Decimal(1),
    taker_buy_quote_volume=Decimal(1),
    trades=4,
    first_trade_id=1,
    last_trade_id=4,
    verdict="complete",
    reason=None,
    witness="STREAM",
)
RECORD = {("AUSDT", START_MS): HOUR, ("AUSDT", START_MS + 2 * HOUR_MS): HOUR}
LAST = replace(CANDLE, open_time_ms=START_MS + 2 * HOUR_MS)


def test_equal_candles_are_equal_whatever_the_record_does_not_know() -> None:
    after = replace(CANDLE, open_time_ms=START_MS + 3 * HOUR_MS)
    compared = compare_with_record(RECORD, {"topic": [CANDLE, LAST, after]})
    assert compared.differences == []
    assert compared.equal == {"topic": 2}
    assert (compared.expected, compared.quote_volumes, compared.counts) == (2, 0, 0)


@pytest.mark.parametrize(
    ("candles", "words"),
    [
        ([CANDLE], "is missing"),
        ([CANDLE, replace(CANDLE, open_time_ms=START_MS + HOUR_MS), LAST], "not in the record"),
        ([replace(CANDLE, high=Decimal("1.21")), LAST], "high 1.21 instead of 1.2"),
        ([replace(CANDLE, verdict="disputed"), LAST], "verdict disputed"),
        ([replace(CANDLE, revision=2), LAST], "revision 2"),
    ],
)
def test_what_differs_is_named(candles: list[Candle], words: str) -> None:
    compared = compare_with_record(RECORD, {"topic": candles})
    assert len(compared.differences) == 1
    assert words in compared.differences[0]
    assert compared.equal == {"topic": 1}


def test_a_known_count_and_quote_volume_are_compared() -> None:
    known = replace(HOUR, quote_volume=Decimal(9), trades=5)
    compared = compare_with_record({("AUSDT", START_MS): known}, {"topic": [CANDLE]})
    assert "quote_volume 8 instead of 9, trades 4 instead of 5" in compared.differences[0]
    assert (compared.quote_volumes, compared.counts) == (1, 1)
