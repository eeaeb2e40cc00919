"""What a folder of candles may hold, and the one line about what it may not."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.names import HOUR_MS
from model.evaluation.hours import HoursError, read_hours
from tests.support.model_history import START_MS, history_table, random_panel
from tests.support.walks import BAD_MS, SYMBOLS, holed_panel, write_folder

pytestmark = pytest.mark.unit


@pytest.fixture
def table() -> pa.Table:
    return history_table(random_panel(["BTCUSDT"], 48), "BTCUSDT")


def put(folder: Path, table: pa.Table, symbol: str = "BTCUSDT") -> Path:
    pq.write_table(table, folder / f"{symbol}-1h.parquet")
    return folder


def test_all_hours_come_ordered_by_hour_and_symbol(tmp_path: Path) -> None:
    panel = holed_panel()
    hours = read_hours(write_folder(tmp_path, panel, SYMBOLS))
    assert hours.symbols == tuple(sorted(SYMBOLS))
    expected = panel.sort_values(["open_time_ms", "symbol"], ignore_index=True)
    numbers = ["symbol", "open_time_ms", "open", "high", "low", "close", "volume"]
    pd.testing.assert_frame_equal(hours.panel[numbers], expected[numbers])
    assert (hours.first_ms, hours.last_ms) == (START_MS, int(panel["open_time_ms"].max()))
    (bad,) = hours.panel.index[~hours.panel["is_valid"]]
    assert hours.panel.loc[bad, ["symbol", "open_time_ms"]].to_list() == ["ETHUSDT", BAD_MS]


def test_a_renamed_coin_is_two_and_an_empty_file_keeps_its_coin(tmp_path: Path) -> None:
    panel = random_panel(["MATICUSDT", "POLUSDT"], 48)
    panel = panel[panel["symbol"] == "MATICUSDT"]
    hours = read_hours(write_folder(tmp_path, panel, ["POLUSDT", "MATICUSDT"]))
    assert hours.symbols == ("MATICUSDT", "POLUSDT")
    assert set(hours.panel["symbol"]) == {"MATICUSDT"}


def test_an_hour_known_by_its_close_alone_is_valid(tmp_path: Path, table: pa.Table) -> None:
    for name in ("open", "high", "low", "volume"):
        column = table.schema.get_field_index(name)
        table = table.set_column(column, name, pa.nulls(len(table), pa.float64()))
    assert read_hours(put(tmp_path, table)).panel["is_valid"].all()


@pytest.mark.parametrize("value", [0.0, -1.0, float("nan"), float("inf")])
def test_an_hour_without_a_price_is_not_valid(
    tmp_path: Path, table: pa.Table, value: float
) -> None:
    closes = table["close"].to_pylist()
    closes[5] = value
    place = table.schema.get_field_index("close")
    hours = read_hours(put(tmp_path, table.set_column(place, "close", pa.array(closes))))
    assert list(hours.panel.index[~hours.panel["is_valid"]]) == [5]


def times(table: pa.Table, values: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index("open_time"), "open_time", values)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda t: t.drop_columns(["close"]), "no column close; it needs open_time, open"),
        (
            lambda t: times(t, t["open_time"].cast(pa.timestamp("ms"))),
            r"open_time is timestamp\[ms\], not a timestamp with a time zone",
        ),
        (lambda t: pa.concat_tables([t, t.slice(0, 2)]), "2 hours are there twice"),
        (
            lambda t: times(
                t,
                pa.array(
                    [START_MS + 1, *range(START_MS + HOUR_MS, START_MS + 48 * HOUR_MS, HOUR_MS)]
                ).cast(pa.timestamp("ms", tz="UTC")),
            ),
            "1 open times are no full hours",
        ),
        (lambda t: t.slice(0, 0), "hold no hour"),
    ],
)
def test_a_file_that_is_not_as_documented_is_one_line(
    tmp_path: Path, table: pa.Table, spoil: object, complaint: str
) -> None:
    put(tmp_path, spoil(table))  # type: ignore[operator]
    with pytest.raises(HoursError, match=complaint) as caught:
        read_hours(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_without_candles_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(HoursError, match="is no folder"):
        read_hours(tmp_path / "nowhere")
    with pytest.raises(HoursError, match="holds no SYMBOL"):
        read_hours(tmp_path)
    (tmp_path / "BTCUSDT-1h.parquet").write_text("no Parquet")
    with pytest.raises(HoursError, match="cannot be read as hourly candles") as caught:
        read_hours(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_digest_knows_the_past_and_not_the_future(tmp_path: Path) -> None:
    panel = holed_panel()
    cut = START_MS + 700 * HOUR_MS
    whole = read_hours(write_folder(tmp_path / "whole", panel, SYMBOLS))
    part = read_hours(write_folder(tmp_path / "part", panel, SYMBOLS, cut - HOUR_MS))
    assert whole.digest(cut) == part.digest(cut)
    assert whole.digest(cut + HOUR_MS) != part.digest(cut + HOUR_MS)
    panel.loc[panel["open_time_ms"] == START_MS, "volume"] += 1
    changed = read_hours(write_folder(tmp_path / "changed", panel, SYMBOLS))
    assert whole.digest(cut) != changed.digest(cut)
