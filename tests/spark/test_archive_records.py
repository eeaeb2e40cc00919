"""Every record of the topic is kept exactly, or is a dead letter that says why."""

from __future__ import annotations

import struct
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq
import pytest

from conf.contracts.dead_letters import DeadLetter
from conf.contracts.trade_schemas import RELEASED_SCHEMAS
from conf.contracts.trades import INT64_MAX, TradeRecord
from conf.names import DAY_MS, utc_time
from conf.settings import CandleSettings
from streaming.archive.dead import dead_letters
from streaming.archive.late import LateHour, late_hours
from streaming.archive.records import TRADE_ORDER, judge_records, marker_rows, trade_rows
from streaming.archive.schema import MARKERS, TRADES
from streaming.archive.staging import stage_csv, stage_parquet
from tests.support.archive_run import TAKEN, kafka_rows
from tests.support.candle_records import HOUR, SCHEMA_ID, closing, gap, trade

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

TAKEN_MS = int(TAKEN.timestamp() * 1000)


def judged(session: SparkSession, *records: TradeRecord | bytes | None) -> DataFrame:
    return judge_records(
        kafka_rows(session, records),
        CandleSettings(),
        schema_id=SCHEMA_ID,
        writers=RELEASED_SCHEMAS,
        speed=1.0,
    )


def written(rows: DataFrame, tmp_path: Path) -> list[dict[str, Any]]:
    """Return rows as the archive's own files have them."""
    folder = tmp_path / "staged"
    stage_parquet(rows, folder.as_uri(), ["kafka_offset"], 2)
    found = []
    for path in sorted(folder.glob("*/*.parquet")):
        found += pq.ParquetFile(path).read().to_pylist()
    return found


def test_trades_are_exact(spark: SparkSession, tmp_path: Path) -> None:
    big = trade(7, "92233720368.54775807", "0.00000001", at_ms=HOUR + 1, received_ms=HOUR + 9)
    odd = replace(trade(8, "0.00000001"), event_time_ms=INT64_MAX, source="REST")
    rows = written(trade_rows(judged(spark, big, odd, closing([]))), tmp_path)
    assert [list(row) for row in rows] == 2 * [TRADES.names]
    assert rows[0] == {
        "symbol": "BTCUSDT",
        "trade_id": 7,
        "price": Decimal(INT64_MAX).scaleb(-8),
        "quantity": Decimal("0.00000001"),
        "buyer_is_maker": False,
        "trade_time": utc_time(HOUR + 1),
        "event_time": utc_time(HOUR + 1),
        "received_time": utc_time(HOUR + 9),
        "source": "STREAM",
        "kafka_partition": 0,
        "kafka_offset": 0,
    }
    assert (rows[1]["event_time"], rows[1]["price"]) == (None, Decimal("0.00000001"))


def test_markers_are_exact(spark: SparkSession, tmp_path: Path) -> None:
    trades = [trade(7, "0.1", "3"), trade(8, "0.2", "0.00000001", is_taker_sale=True)]
    extreme = closing(trades, open=INT64_MAX, volume="1" * 40)
    rows = written(marker_rows(judged(spark, extreme, gap(3, 4), trades[0])), tmp_path)
    assert [list(row) for row in rows] == 2 * [MARKERS.names]
    close, hole = rows
    assert (close["open"], close["close"]) == (Decimal(INT64_MAX).scaleb(-8), Decimal("0.2"))
    assert (close["volume"], close["taker_buy_volume"]) == ("1" * 40, "3.00000000")
    assert (close["first_id"], close["last_id"], close["trades"]) == (7, 8, 2)
    assert (hole["kind"], hole["first_id"], hole["last_id"]) == ("GAP", 3, 4)
    assert (hole["reason"], hole["witness"]) == ("not in REST", None)


@pytest.mark.parametrize(
    ("record", "reason", "symbol"),
    [
        (None, "malformed: no value", None),
        (b"{}", "malformed: 2 bytes that are no record", None),
        (struct.pack(">bI", 0, SCHEMA_ID) + b"\xff" * 9, "malformed: 14 bytes that are no record", None),
        (struct.pack(">bI", 0, 77) + b"a", "unknown_schema: schema id 77 is not known", None),
        (replace(trade(1, "1"), price=-1), "malformed: TRADE with fields that cannot be", "BTCUSDT"),
        (replace(trade(1, "1"), kind="ODD"), "malformed: a record of no known kind", "BTCUSDT"),
        (replace(trade(1, "1"), symbol="no\nkey"), None, None),
        (trade(1, "1", at_ms=HOUR + 6000, received_ms=HOUR), "future: 6000 ms later than its receipt", "BTCUSDT"),
        (replace(trade(1, "1"), received_time_ms=-5), "malformed: TRADE with fields that cannot be", "BTCUSDT"),
    ],
)  # fmt: skip
def test_a_dead_letter_says_why_and_where(
    spark: SparkSession, record: TradeRecord | bytes | None, reason: str | None, symbol: str | None
) -> None:
    found = list(dead_letters(judged(spark, trade(1, "1"), record), 1))
    kept = trade_rows(judged(spark, trade(1, "1"), record)).count()
    assert kept + len(found) == 2
    if reason is None:
        # A strange symbol is no reason by the candles' rules.
        assert found == []
        return
    (letter,) = found
    raw = kafka_rows(spark, [record]).collect()[0]["value"]
    has_time = isinstance(record, TradeRecord) and record.received_time_ms > 0
    assert letter == DeadLetter(
        reason=reason,
        symbol=symbol,
        raw=bytes(raw or b""),
        received_time_ms=HOUR if has_time else TAKEN_MS,
        topic="t",
        partition=0,
        offset=1,
    )


def test_an_old_record_is_late_only_if_nothing_else_is_wrong(spark: SparkSession) -> None:
    old = trade(3, "1", at_ms=HOUR - 8 * DAY_MS, received_ms=HOUR)
    frame = judged(
        spark,
        old,
        replace(old, trade_id=4, trade_time_ms=old.trade_time_ms + 5),
        replace(old, price=-1),
        replace(closing([], open_time_ms=HOUR - 9 * DAY_MS), received_time_ms=HOUR),
        trade(5, "1", at_ms=HOUR - 5 * DAY_MS, received_ms=HOUR),
    )
    assert late_hours(frame) == [
        LateHour("BTCUSDT", HOUR - 9 * DAY_MS, 1),
        LateHour("BTCUSDT", HOUR - 8 * DAY_MS, 2),
    ]
    assert [letter.offset for letter in dead_letters(frame, 1)] == [2]
    assert trade_rows(frame).count() == 3


def test_csv_is_plain(spark: SparkSession, tmp_path: Path) -> None:
    parquet, csv = (tmp_path / "parquet").as_uri(), (tmp_path / "csv").as_uri()
    odd = replace(trade(8, "0.00000001", "12345678901"), event_time_ms=None)
    stage_parquet(trade_rows(judged(spark, odd, trade(7, "2"))), parquet, TRADE_ORDER, 2)
    stage_csv(spark, parquet, csv, TRADE_ORDER, 2)
    (path,) = (tmp_path / "csv").glob(f"open_ms={HOUR}/*.csv")
    time = "2026-01-01T00:00:00.000Z"
    assert path.read_text().splitlines() == [
        ",".join(TRADES.names),
        f"BTCUSDT,7,2.00000000,1.00000000,false,{time},{time},{time},STREAM,0,1",
        f"BTCUSDT,8,0.00000001,12345678901.00000000,false,{time},,{time},STREAM,0,0",
    ]
