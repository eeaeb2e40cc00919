"""The analysis in Spark says what pandas says of the same hours, whatever their order."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

from conf.names import DAY_HOURS
from streaming.analysis.hours import judge, read_history
from streaming.analysis.tables import KEYS, analysis_tables
from tests.support import analysis_oracle as oracle

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

UNTIL_DAY = int(oracle.UNTIL.timestamp()) // 86_400


@pytest.fixture(scope="module")
def far_away(spark: SparkSession) -> SparkSession:
    """A session whose time zone is half a day from UTC: no day may notice."""
    session = spark.newSession()
    session.conf.set("spark.sql.session.timeZone", "Pacific/Auckland")
    session.conf.set("spark.sql.shuffle.partitions", "3")
    return session


def analysed(
    session: SparkSession, hours: pd.DataFrame, folder: Path, seed: int = 0
) -> dict[str, pa.Table]:
    """Return the tables that Spark makes of hours written to a folder in some order."""
    folder.mkdir()
    rows = judge(read_history(session, oracle.write_history(hours, folder, seed)))
    frames = analysis_tables(rows, UNTIL_DAY, lambda frame: frame)
    assert frames.keys() == KEYS.keys()
    return {name: frame.toArrow() for name, frame in frames.items()}


@pytest.fixture(scope="module")
def hours() -> pd.DataFrame:
    return oracle.market()


@pytest.fixture(scope="module")
def tables(
    far_away: SparkSession, hours: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pa.Table]:
    return analysed(far_away, hours, tmp_path_factory.mktemp("analysis") / "hours")


def rows_of(tables: Mapping[str, pa.Table], name: str) -> oracle.Rows:
    """Return the rows of a table by its key; a key is there once."""
    found: oracle.Rows = {}
    for row in tables[name].to_pylist():
        key = tuple(row.pop(part) for part in KEYS[name])
        assert key not in found
        found[key] = row
    return found


def test_days(tables: dict[str, pa.Table], hours: pd.DataFrame) -> None:
    oracle.check_equal(rows_of(tables, "analysis_day"), oracle.periods(hours, "day", oracle.DAY))


def test_weeks(tables: dict[str, pa.Table], hours: pd.DataFrame) -> None:
    oracle.check_equal(
        rows_of(tables, "analysis_week"), oracle.periods(hours, "week", 7 * oracle.DAY)
    )


def test_rolling_volatility(tables: dict[str, pa.Table], hours: pd.DataFrame) -> None:
    expected = oracle.volatility(hours)
    assert any(math.isnan(row["volatility_24h"]) for row in expected.values())
    oracle.check_equal(rows_of(tables, "analysis_volatility"), expected)


def test_correlation(tables: dict[str, pa.Table], hours: pd.DataFrame) -> None:
    expected = oracle.correlation(hours)
    assert {key[0] for key in expected} == {"30d", "whole"}
    oracle.check_equal(rows_of(tables, "analysis_correlation"), expected)


def test_patterns(tables: dict[str, pa.Table], hours: pd.DataFrame) -> None:
    oracle.check_equal(rows_of(tables, "analysis_pattern"), oracle.patterns(hours))


def test_nothing_is_filled_and_a_renamed_coin_stays_two(tables: dict[str, pa.Table]) -> None:
    days = rows_of(tables, "analysis_day")
    lost = oracle.LOST_DAY.date()
    assert ("BTCUSDT", lost) not in days
    after = days["BTCUSDT", date(2024, 8, 8)]
    assert after["simple_return"] is None
    matic = [day for symbol, day in days if symbol == "MATICUSDT"]
    pol = [day for symbol, day in days if symbol == "POLUSDT"]
    assert (max(matic), min(pol)) == (date(2024, 9, 10), date(2024, 9, 13))
    assert days["MATICUSDT", max(matic)]["hours"] == 3
    first = days["POLUSDT", min(pol)]
    assert (first["hours"], first["absent"], first["simple_return"]) == (14, 0, None)
    pairs = {key[1:3] for key in rows_of(tables, "analysis_correlation")}
    assert ("MATICUSDT", "POLUSDT") not in pairs
    assert ("BTCUSDT", "POLUSDT") in pairs


def test_each_symbol_says_what_it_is_made_of(
    tables: dict[str, pa.Table], hours: pd.DataFrame
) -> None:
    symbols = rows_of(tables, "analysis_symbol")
    pol = symbols["POLUSDT",]
    assert pol["first_hour"] == oracle.POL_BEGINS.to_pydatetime()
    assert pol["last_hour"] == datetime(2024, 10, 13, 23, tzinfo=UTC)
    assert (pol["absent"], pol["returns"]) == (0, pol["hours"] - 1)
    btc = symbols["BTCUSDT",]
    there = int((hours["symbol"] == "BTCUSDT").sum())
    whole = int((oracle.UNTIL - btc["first_hour"]) / oracle.HOUR)
    assert (btc["hours"], btc["absent"]) == (there, whole - there)
    matic = symbols["MATICUSDT",]
    ended = int((oracle.UNTIL - oracle.MATIC_ENDS) / oracle.HOUR)
    assert matic["absent"] == ended


def test_another_order_of_the_rows_gives_the_same_bits(
    spark: SparkSession, tables: dict[str, pa.Table], hours: pd.DataFrame, tmp_path: Path
) -> None:
    session = spark.newSession()
    session.conf.set("spark.sql.shuffle.partitions", "7")
    again = analysed(session, hours, tmp_path / "again", seed=5)
    for name in KEYS:
        assert rows_of(again, name) == rows_of(tables, name)


def test_what_comes_after_the_end_does_not_count(
    far_away: SparkSession, tables: dict[str, pa.Table], hours: pd.DataFrame, tmp_path: Path
) -> None:
    newest = hours[hours["open_time"] == oracle.UNTIL - oracle.HOUR]
    later = newest.assign(open_time=oracle.UNTIL, close=newest["close"] * 2)
    more = analysed(far_away, pd.concat([hours, later]), tmp_path / "more")
    for name in KEYS:
        assert rows_of(more, name) == rows_of(tables, name)


def test_prices_and_volumes_are_decimals_to_the_digit(
    far_away: SparkSession, tmp_path: Path
) -> None:
    times = pd.date_range(oracle.START, periods=DAY_HOURS, freq="h")
    pepe = {"symbol": "PEPEUSDT", "open_time": times, "close": 0.00000107, "quote_volume": None}
    hours = pd.DataFrame({**pepe, "volume": 0.1}).assign(open=0.1, high=0.3, low=0.00000105)
    day = rows_of(analysed(far_away, hours, tmp_path / "pepe"), "analysis_day")
    (row,) = day.values()
    # 24 times the float 0.1 is 2.4000000000000004
    assert row["volume"] == Decimal("2.4")
    assert (row["close"], row["low"]) == (Decimal("0.00000107"), Decimal("0.00000105"))
    assert row["quote_volume"] is None


def test_only_sound_hours_count_and_contradictions_are_told(
    far_away: SparkSession, tmp_path: Path
) -> None:
    def row(hour: str, close: float | None, volume: float | None = 1.0) -> dict[str, Any]:
        figures = {"open": 1.0, "high": 3.0, "low": 0.5, "close": close, "volume": volume}
        opened = pd.Timestamp(f"2024-08-01T{hour}Z")
        return {"symbol": "BTCUSDT", "open_time": opened, **figures, "quote_volume": 1.0}

    rows = [
        row("00:00", 1.0),
        *(row("01:00", 2.0), row("01:00", 2.0)),  # says the same twice
        *(row("02:00", 2.0), row("02:00", 2.5)),  # says two things
        row("03:00", 2.0),
        *(row("04:00", 0.0), row("05:00", None), row("06:30", 1.0)),  # no hour at all
        *(row("07:00", 1.0), row("07:00", None)),  # the other one knows nothing
        row("08:00", 2.0, math.inf),
    ]
    folder = tmp_path / "odd"
    folder.mkdir()
    urls = oracle.write_history(pd.DataFrame(rows), folder)
    judged = judge(read_history(far_away, urls))
    found = {line["hour"]: line.asDict() for line in judged.collect()}
    base = int(pd.Timestamp("2024-08-01T00:00Z").timestamp()) // 3600
    returns = {
        hour - base: line["log_return"]
        for hour, line in found.items()
        if hour is not None and line["close"] is not None
    }
    assert returns == {
        **{0: None, 1: pytest.approx(math.log(2)), 3: None, 7: None},
        8: pytest.approx(math.log(2)),
    }
    assert found[base + 8]["volume"] is None
    frame = analysis_tables(judged, UNTIL_DAY, lambda kept: kept)["analysis_symbol"]
    (symbol,) = frame.toArrow().to_pylist()
    assert (symbol["hours"], symbol["returns"]) == (5, 2)
    assert (symbol["rejected"], symbol["repeated"]) == (6, 1)
