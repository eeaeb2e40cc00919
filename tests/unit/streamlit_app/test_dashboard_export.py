"""What is shown as a file: exact and with zones."""

from __future__ import annotations

import io
from decimal import Decimal

import pandas as pd
import pyarrow.parquet
import pytest

from streamlit_app import export
from streamlit_app.records.market import BarRow
from tests.support.dashboard_records import NOON, bar

pytestmark = pytest.mark.unit


def test_csv_has_exact_prices_and_times_with_their_zone() -> None:
    frame = export.frame_of([bar(close=Decimal("0.10000000"), reason='a "b"')], BarRow)
    head, line, *rest = export.to_csv(frame).decode().splitlines()
    assert head.startswith("open_time,open,high")
    assert line.startswith("2026-01-01T12:00:00+00:00,100.00,104.00,99.00,0.10000000,")
    assert line.endswith('"a ""b"""')
    assert rest == []


def test_parquet_keeps_decimals_and_utc() -> None:
    frame = export.frame_of([bar(), bar(1)], BarRow)
    table = pyarrow.parquet.read_table(io.BytesIO(export.to_parquet(frame)))
    assert str(table.schema.field("close").type).startswith("decimal128")
    assert table.schema.field("open_time").type.tz == "UTC"
    assert table["close"].to_pylist() == [Decimal("102.00")] * 2
    assert table["open_time"].to_pylist()[0] == NOON


def test_nothing_is_a_file_with_a_header() -> None:
    empty = export.frame_of([], BarRow)
    assert list(pd.read_csv(io.BytesIO(export.to_csv(empty))).columns) == list(empty.columns)
    assert export.to_parquet(empty)
