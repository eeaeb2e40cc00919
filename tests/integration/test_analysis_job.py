"""The analysis on real HDFS and Postgres: from candles to tables, again, and after a correction."""

from __future__ import annotations

import sys
import threading
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from conf.analysis import AnalysisSettings
from conf.connections.postgres import READER_ROLE, connect, fetch
from conf.settings import RunSettings
from streaming.analysis import watch
from streaming.analysis.job import analyse
from streaming.analysis.tables import KEYS
from streaming.context import PipelineContext
from streaming.history.klines import Bar
from streaming.history.stores import merge_bars
from tests.support import analysis_oracle as oracle
from tests.support.bundle import Bundle
from tests.support.candle_run import context_of, execute
from tests.support.commands import run_command
from tests.support.eventually import eventually
from tests.support.spark_cluster import ROOT, log_of, spark_cluster

if TYPE_CHECKING:
    from pathlib import Path

    from pyspark.sql import SparkSession

pytestmark = [pytest.mark.integration, pytest.mark.timeout(560)]

COMMAND = [sys.executable, "-m", "streaming.analysis"]
OWN_SINCE = oracle.UNTIL - 40 * oracle.DAY
CORRECTED = oracle.UNTIL - 33 * oracle.DAY + 5 * oracle.HOUR
ROLLING_DAYS = 30
WAIT_S = 120.0
CLUSTER_S = 300.0
Key = tuple[object, ...]


def decimal_of(value: float) -> Decimal | None:
    return None if pd.isna(value) else Decimal(str(value))


def load(context: PipelineContext, hours: pd.DataFrame) -> None:
    """Write hours as history, the last 40 days as own candles."""
    with closing(connect(context.postgres, context.namespace)) as connection:
        for symbol, rows in hours.groupby("symbol"):
            bars = [
                Bar(
                    int(row.open_time.timestamp()) * 1000,
                    *(decimal_of(getattr(row, name)) for name in oracle.FIGURES),  # type: ignore[arg-type] # the close is known
                    *(None, None, None),
                )
                for row in rows.itertuples()
            ]
            with connection, connection.cursor() as cursor:
                merge_bars(cursor, str(symbol), "folder", bars)
    execute(
        context,
        "UPDATE candle SET verdict = 'complete', source = 'trades' "
        f"WHERE open_time >= '{OWN_SINCE.isoformat()}'",
    )


def correct(context: PipelineContext, symbol: str, open_time: pd.Timestamp) -> None:
    """Add a revision of an own candle with a close a thousandth higher."""
    execute(
        context,
        "INSERT INTO candle (symbol, open_time, revision, open, high, low, close, volume, "
        "quote_volume, status, verdict, source) SELECT symbol, open_time, 2, open, high, low, "
        "close * 1.001, volume, quote_volume, status, verdict, 'repair' FROM candle "
        f"WHERE symbol = '{symbol}' AND open_time = '{open_time.isoformat()}'",
    )


def add_hour(context: PipelineContext, open_time: pd.Timestamp, verdict: str) -> None:
    """Add an own candle of BTCUSDT."""
    execute(
        context,
        "INSERT INTO candle (symbol, open_time, revision, open, high, low, close, volume, "
        "quote_volume, status, verdict, source) VALUES "
        f"('BTCUSDT', '{open_time.isoformat()}', 1, 9, 9, 9, 9, 1, 9, 'final', '{verdict}', 'trades')",
    )


@pytest.fixture
def context(settings: Bundle) -> PipelineContext:
    run = RunSettings.model_validate({**settings.run.model_dump(), "symbols": oracle.SYMBOLS})
    return replace(context_of(settings), run=run)


@pytest.fixture
def environment(settings: Bundle) -> dict[str, str]:
    return {**settings.environment, "NEXTHOUR_SYMBOLS": ",".join(oracle.SYMBOLS)}


def written(context: PipelineContext) -> dict[str, dict[Key, str]]:
    """Return for each table the transaction that wrote each row."""
    return {
        table: {
            tuple(row[:-1]): str(row[-1])
            for row in execute(context, f"SELECT {', '.join(key)}, xmin::text FROM {table}")
        }
        for table, key in KEYS.items()
    }


def changed(context: PipelineContext) -> list[object]:
    """Return how many rows each run changed, in order."""
    return [row[0] for row in execute(context, "SELECT changed FROM analysis_run ORDER BY id")]


def days_of(context: PipelineContext) -> oracle.Rows:
    """Return the rows of `analysis_day` as the dashboard reads them."""
    names = [*oracle.FIGURES, "hours", "absent", "returns", "simple_return", "realised_volatility"]
    with (
        closing(connect(context.postgres, context.namespace, role=READER_ROLE)) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(f"SELECT symbol, day, {', '.join(names)} FROM analysis_day")
        rows = cursor.fetchall()
    return {row[:2]: dict(zip(names, row[2:], strict=True)) for row in rows}


def test_from_candles_to_tables_again_and_after_a_correction(
    context: PipelineContext, hdfs_spark: SparkSession
) -> None:
    hours = oracle.market()
    load(context, hours)
    (lost,) = hours[(hours["symbol"] == "BTCUSDT")].tail(1)["open_time"]
    add_hour(context, lost + oracle.HOUR, "disputed")  # no sound hour, so the day stays the last
    run = analyse(hdfs_spark, context)
    assert (run.until, run.hours) == (oracle.UNTIL.to_pydatetime(), len(hours))
    oracle.check_equal(days_of(context), oracle.periods(hours, "day", oracle.DAY))
    first = written(context)
    assert changed(context) == [sum(map(len, first.values()))]

    analyse(hdfs_spark, context)
    assert changed(context)[1:] == [0]
    assert written(context) == first

    correct(context, "SOLUSDT", CORRECTED)
    analyse(hdfs_spark, context)
    second = written(context)
    assert {table: rows.keys() for table, rows in second.items()} == {
        table: rows.keys() for table, rows in first.items()
    }
    differ = {
        (table, *key)
        for table in KEYS
        for key, by in second[table].items()
        if first[table][key] != by
    }
    assert differ == expected_changes(first)
    assert changed(context)[2:] == [len(differ)]
    is_hour = (hours["symbol"] == "SOLUSDT") & (hours["open_time"] == CORRECTED)
    corrected = hours.assign(close=hours["close"].where(~is_hour, hours["close"] * 1.001))
    oracle.check_equal(days_of(context), oracle.periods(corrected, "day", oracle.DAY))


def expected_changes(tables: dict[str, dict[Key, str]]) -> set[Key]:
    """Return the rows in which the returns into and out of the corrected hour count."""
    day = CORRECTED.date()
    monday = day - timedelta(days=day.weekday())
    window = {day + timedelta(days=ahead) for ahead in range(ROLLING_DAYS)}
    assert max(window) < oracle.UNTIL.date() - timedelta(days=1)  # some days must stay as they are
    weekday = day.isoweekday()
    return {
        ("analysis_day", "SOLUSDT", day),
        ("analysis_week", "SOLUSDT", monday),
        *(("analysis_pattern", "SOLUSDT", weekday, CORRECTED.hour + at) for at in (0, 1)),
        *(
            ("analysis_volatility", *key)
            for key in tables["analysis_volatility"]
            if key[0] == "SOLUSDT" and key[1] in window
        ),
        *(
            ("analysis_correlation", *key)
            for key in tables["analysis_correlation"]
            if "SOLUSDT" in key[1:3]
            # one of these two had ended in that hour, and the other had not begun
            and not {"MATICUSDT", "POLUSDT"} & set(key[1:3])
            and (key[0] == "whole" or key[3] in window)
        ),
    }


def test_rebased_coins_begin_with_1_on_their_own_first_day(
    context: PipelineContext, hdfs_spark: SparkSession
) -> None:
    hours = oracle.market()
    load(context, hours[hours["open_time"] < oracle.UNTIL - 20 * oracle.DAY])
    analyse(hdfs_spark, context)
    since, until = date(2024, 8, 5), date(2024, 9, 20)
    rows = fetch(
        context.postgres,
        context.namespace,
        "SELECT r.symbol, r.day, r.base_day, r.rebased, d.close FROM analysis_rebased(%s, %s) r "
        "JOIN analysis_day d USING (symbol, day) ORDER BY r.symbol, r.day",
        (since, until),
    )
    base = {symbol: (day, close) for symbol, day, base_day, _, close in rows if day == base_day}
    assert {symbol: day for symbol, (day, _) in base.items()} == {
        **dict.fromkeys(("BTCUSDT", "ETHUSDT", "MATICUSDT"), since),
        "SOLUSDT": oracle.LATE_BEGINS.date(),
        "POLUSDT": oracle.POL_BEGINS.date(),
    }
    for symbol, _, _, rebased, close in rows:
        assert rebased == pytest.approx(float(close / base[symbol][1]))
    assert ("BTCUSDT", oracle.LOST_DAY.date()) not in {row[:2] for row in rows}
    matrix = fetch(
        context.postgres,
        context.namespace,
        "SELECT symbol, other, correlation FROM analysis_correlation_matrix WHERE span = '30d'",
    )
    cells = {row[:2]: row[2] for row in matrix}
    assert cells["BTCUSDT", "BTCUSDT"] == 1
    assert cells["BTCUSDT", "ETHUSDT"] == cells["ETHUSDT", "BTCUSDT"] != 1


def test_by_hand_it_says_what_is_missing_and_changes_once(
    context: PipelineContext, environment: dict[str, str]
) -> None:
    check_refusal_of_an_empty_store(environment)
    load(context, oracle.market())
    done = run_command(COMMAND, environment)
    assert done.returncode == 0, done.stderr
    (first,) = changed(context)
    assert first


@pytest.mark.long
def test_on_a_cluster_it_finds_the_same(
    context: PipelineContext, environment: dict[str, str], hdfs_spark: SparkSession, tmp_path: Path
) -> None:
    load(context, oracle.market())
    analyse(hdfs_spark, context)
    with spark_cluster(tmp_path / "spark") as cluster:
        launcher = ROOT / "nexthour" / "launchers" / "analysis.py"
        application = cluster.submit(launcher, environment)
        try:
            assert application.wait(CLUSTER_S) == 0, log_of(application)
        finally:
            application.stop()
    first, second = changed(context)
    assert first
    assert second == 0


def check_refusal_of_an_empty_store(environment: dict[str, str]) -> None:
    """Demand one line that says what to do while there is no history."""
    done = run_command(COMMAND, environment)
    assert done.returncode == 2
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("analysis: no history such as ")
    assert "run `python -m streaming.history` first" in line


def test_beside_the_queries_once_a_day_in_a_pool_of_its_own(
    context: PipelineContext, hdfs_spark: SparkSession
) -> None:
    load(context, oracle.market())
    watched, stop = Watched(context), threading.Event()
    thread = threading.Thread(target=watch.run, args=(hdfs_spark, watched, stop), daemon=True)
    thread.start()
    try:
        watched.looks_again()
        assert changed(context) == []  # no hour has closed since it runs
        add_hour(context, oracle.UNTIL, "complete")
        eventually(lambda: len(changed(context)) == 1, WAIT_S, message="the analysis")
        until = execute(context, "SELECT until_time FROM analysis_run")
        assert until == [(oracle.UNTIL.to_pydatetime(),)]
        assert watch.NAME in pools_of(hdfs_spark)
        add_hour(context, oracle.UNTIL + oracle.HOUR, "complete")
        watched.looks_again()
        watched.looks_again()
        assert len(changed(context)) == 1
    finally:
        stop.set()
        thread.join(WAIT_S)
    assert not thread.is_alive()


class Watched:
    """A context that counts how often the analysis asked for its Postgres."""

    analysis = AnalysisSettings(poll_s=0.05)

    def __init__(self, context: PipelineContext) -> None:
        self._context, self._asked = context, 0

    def __getattr__(self, name: str) -> object:
        self._asked += name == "postgres"
        return getattr(self._context, name)

    def looks_again(self) -> None:
        """Wait until a look that begins only now has ended, and the next one began."""
        before = self._asked
        eventually(lambda: self._asked >= before + 3, WAIT_S, message="another look")


def pools_of(session: SparkSession) -> set[str]:
    """Return the scheduler pools that any stage ran in."""
    store = session.sparkContext._jsc.sc().statusStore()
    no_quantiles = session.sparkContext._gateway.new_array(session._jvm.double, 0)
    stages = store.stageList(None, False, False, no_quantiles, None)
    return {stages.apply(at).schedulingPool() for at in range(stages.size())}
