"""Recorded hourly candles: a window of them for the exchange to trade, and what must come out. Pure but for files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from conf.contracts.candles import Candle
from conf.names import epoch_ms
from streaming.reconcile.compare import Key, newest_revisions

# The exchange needs some past to find tick, step and level.
PAST_HOURS = 48
# The last hour closes when the exchange's clock passes its end, so some must come after it.
MORE_HOURS = 3
PRICES = ("open", "high", "low", "close")


@dataclass(frozen=True)
class Units:
    """Smallest price and quantity of a symbol."""

    tick: Decimal
    step: Decimal


@dataclass(frozen=True)
class RealHour:
    """One recorded hour, quantised; quote volume and count are None where the record has none."""

    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal | None
    trades: int | None


def write_window(
    source: Path,
    target: Path,
    symbols: Sequence[str],
    start: datetime,
    hours: int,
    most_trades: int | None,
) -> None:
    """Write the window's rows, with some hours around it, as a folder that an exchange can read.

    Args:
        source: folder of ``SYMBOL-1h.parquet``.
        target: made if missing.
        symbols: whose.
        start: first hour, UTC.
        hours: length of the window.
        most_trades: a larger count becomes unknown, so that the exchange makes fewer trades; None
            keeps all.
    """
    target.mkdir(parents=True, exist_ok=True)
    first, last = start - timedelta(hours=PAST_HOURS), start + timedelta(hours=hours + MORE_HOURS)
    for symbol in symbols:
        table = pq.read_table(source / f"{symbol}-1h.parquet")
        times = table["open_time"]
        table = table.filter(pc.and_(pc.greater_equal(times, first), pc.less(times, last)))
        if most_trades is not None:
            counts = table["trades"]
            few = pc.if_else(
                pc.less_equal(counts, most_trades), counts, pa.scalar(None, pa.int64())
            )
            table = table.set_column(table.schema.get_field_index("trades"), "trades", few)
        pq.write_table(table, target / f"{symbol}-1h.parquet")


def units_of(exchange_info: Mapping[str, Any]) -> dict[str, Units]:
    """Return tick and step by symbol from the body of ``exchangeInfo``."""
    units = {}
    for entry in exchange_info["symbols"]:
        filters = {one["filterType"]: one for one in entry["filters"]}
        units[entry["symbol"]] = Units(
            Decimal(filters["PRICE_FILTER"]["tickSize"]).normalize(),
            Decimal(filters["LOT_SIZE"]["stepSize"]).normalize(),
        )
    return units


def real_hours(
    folder: Path,
    units: Mapping[str, Units],
    start: datetime,
    hours: int,
    most_trades: int | None = None,
) -> dict[Key, RealHour]:
    """Return the recorded hours of a window, quantised to tick and step, halves to even.

    Args:
        folder: of ``SYMBOL-1h.parquet``.
        units: whose hours, and how fine they are.
        start: first hour, UTC.
        hours: length of the window.
        most_trades: a larger count is taken for unknown, as by `write_window`.
    """
    found: dict[Key, RealHour] = {}
    for symbol, unit in units.items():
        for row in pq.read_table(folder / f"{symbol}-1h.parquet").to_pylist():
            if not start <= row["open_time"] < start + timedelta(hours=hours):
                continue
            prices = {name: _units(row[name], unit.tick) for name in PRICES}
            quote = row["quote_volume"]
            known = quote is not None and quote > 0
            count = row["trades"]
            if count is not None and most_trades is not None and count > most_trades:
                count = None
            found[symbol, epoch_ms(row["open_time"])] = RealHour(
                **prices,
                volume=_units(row["volume"], unit.step),
                quote_volume=_units(quote, unit.tick * unit.step) if known else None,
                trades=count,
            )
    return found


def _units(value: float, unit: Decimal) -> Decimal:
    """Return a recorded float as the nearest multiple of a power of ten."""
    return Decimal(repr(value)).quantize(unit, ROUND_HALF_EVEN)


@dataclass
class RealComparison:
    """How the candles of the stores compare with the record.

    Attributes:
        expected: recorded symbol-hours.
        equal: those of each store that equal the record in all that it has.
        quote_volumes: hours of which the quote volume was compared, too.
        counts: hours of which the number of trades was compared, too.
        quiet: recorded hours without volume.
        differences: one line each.
    """

    expected: int
    equal: dict[str, int]
    quote_volumes: int
    counts: int
    quiet: int
    differences: list[str]


def compare_with_record(
    record: Mapping[Key, RealHour], stores: Mapping[str, Iterable[Candle]]
) -> RealComparison:
    """Compare the newest candles of each store with the record, both ways.

    Candles outside the record's first and last hour are left alone; inside, an hour that the record
    lacks must be lacking.
    """
    times = [open_ms for _, open_ms in record]
    first_ms, last_ms = min(times), max(times)
    differences: list[str] = []
    equal: dict[str, int] = {}
    for store, candles in stores.items():
        found = {
            key: candle
            for key, candle in newest_revisions(candles).items()
            if first_ms <= key[1] <= last_ms
        }
        lines = [
            f"{store}: {line}"
            for key in sorted(record.keys() | found.keys())
            for line in _differences(key, record.get(key), found.get(key))
        ]
        wrong = {line.split()[1] + line.split()[2] for line in lines}
        equal[store] = len(record) - len(wrong)
        differences += lines
    return RealComparison(
        expected=len(record),
        equal=equal,
        quote_volumes=sum(hour.quote_volume is not None for hour in record.values()),
        counts=sum(hour.trades is not None for hour in record.values()),
        quiet=sum(not hour.volume for hour in record.values()),
        differences=differences,
    )


def _differences(key: Key, hour: RealHour | None, candle: Candle | None) -> list[str]:
    name = f"{key[0]} {key[1]}"
    if candle is None:
        return [f"{name} is missing"]
    if hour is None:
        return [f"{name} is not in the record"]
    wrong = [
        f"{field} {getattr(candle, field)} instead of {wanted}"
        for field in RealHour.__dataclass_fields__
        if (wanted := getattr(hour, field)) is not None and getattr(candle, field) != wanted
    ]
    if candle.verdict != ("complete" if hour.volume else "quiet"):
        wrong.append(f"verdict {candle.verdict} ({candle.reason})")
    if candle.revision != 1:
        wrong.append(f"revision {candle.revision}")
    return [f"{name}: {', '.join(wrong)}"] if wrong else []
