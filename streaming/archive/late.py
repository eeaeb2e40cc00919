"""Records that came when their hour's candle could no longer take them: kept, told, repaired."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from pyspark.sql import DataFrame

from conf.contracts.incidents import IncidentKind
from streaming.alarms import Alarms
from streaming.archive.records import OPEN_MS

# A topic that is fed with an old week must not drown the other incidents.
MOST_INCIDENTS = 20


@dataclass(frozen=True, slots=True)
class LateHour:
    """How many records of one symbol and hour (open time, UTC epoch ms) came late."""

    symbol: str
    open_ms: int
    records: int


def late_hours(judged: DataFrame) -> list[LateHour]:
    """Return the hours of late records, by symbol and time; small whatever their number of records."""
    counted = judged.where("is_late").groupBy("symbol", OPEN_MS).count()
    rows = counted.orderBy("symbol", OPEN_MS).toLocalIterator()
    return [LateHour(row["symbol"], row[OPEN_MS], row["count"]) for row in rows]


def tell_late(alarms: Alarms, late: Iterable[LateHour]) -> None:
    """Tell of late records: one incident for each symbol, one for all symbols beyond the twentieth."""
    by_symbol: dict[str, list[LateHour]] = defaultdict(list)
    for hour in late:
        by_symbol[hour.symbol].append(hour)
    symbols = sorted(by_symbol)
    for symbol in symbols[:MOST_INCIDENTS]:
        alarms.tell(IncidentKind.LATE_TRADES, _detail(by_symbol[symbol]), symbol=symbol)
    rest = [hour for symbol in symbols[MOST_INCIDENTS:] for hour in by_symbol[symbol]]
    if rest:
        count = len(symbols) - MOST_INCIDENTS
        alarms.tell(IncidentKind.LATE_TRADES, f"{count} further symbols: {_detail(rest)}")


def _detail(hours: list[LateHour]) -> str:
    records = sum(hour.records for hour in hours)
    return f"{records} records of {len(hours)} hours came too late for their candles; kept, repair asked for"
