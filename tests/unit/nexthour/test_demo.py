from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.demo import DemoSettings
from local.errors import LocalError
from nexthour.demo import history_symbols, run_environment

pytestmark = pytest.mark.unit

COLUMNS = ("open_time", "open", "high", "low", "close", "volume")


def write(folder, symbol, columns=COLUMNS):
    table = pa.table({name: pa.array([1.0]) for name in columns})
    pq.write_table(table, folder / f"{symbol}-1h.parquet")


def test_history_symbols_come_in_the_usual_order(tmp_path):
    for symbol in ("ZZZUSDT", "ETHUSDT", "MATICUSDT", "BTCUSDT"):
        write(tmp_path, symbol)
    assert history_symbols(tmp_path) == ("BTCUSDT", "ETHUSDT", "MATICUSDT", "ZZZUSDT")


def test_a_folder_without_history_says_what_it_needs(tmp_path):
    with pytest.raises(LocalError, match=r"SYMBOL-1h\.parquet"):
        history_symbols(tmp_path)


def test_a_file_of_another_layout_names_the_missing_columns(tmp_path):
    write(tmp_path, "BTCUSDT", ("open_time", "open", "close"))
    with pytest.raises(LocalError, match="high, low, volume"):
        history_symbols(tmp_path)


def test_the_label_and_the_speed_follow_the_hour():
    settings = DemoSettings(hour_seconds=40)
    variables = run_environment(settings, ("BTCUSDT",), Path("/x"))
    assert variables["NEXTHOUR_SOURCE_LABEL"] == "synthetic × 90"
    assert variables["NEXTHOUR_SPEED"] == "90"
