"""Checks a finished run: stores against the exchange's book, forecasts, dashboard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

import httpx
import orjson

from conf.connections.hdfs import open_hdfs
from conf.connections.hdfs_folders import rows_below
from conf.connections.postgres import fetch
from conf.names import HOUR_MS, epoch_ms
from nexthour.reports import CandleCheck, ForecastCheck
from streaming.context import PipelineContext
from streaming.reconcile.compare import Figures, Key, compare, newest_revisions
from streaming.reconcile.readers import from_parquet, from_postgres, from_topic, read_topic


def read_book(control_url: str, symbols: Sequence[str], start_ms: int) -> dict[Key, Figures]:
    """Return the exchange's closed hours from `start_ms` on."""
    book: dict[Key, Figures] = {}
    with httpx.Client(base_url=control_url, timeout=30) as client:
        for symbol in symbols:
            answer = client.get("/oracle/candles", params={"symbol": symbol, "start_ms": start_ms})
            answer.raise_for_status()
            for row in answer.json():
                book[symbol, int(row["open_time_ms"])] = Figures.from_book(row)
    return book


def check_candles(context: PipelineContext, live_start_ms: int, last_hour_ms: int) -> CandleCheck:
    """Compare the three stores with the book.

    Required are all hours up to `last_hour_ms`; a later one only if some store has it.
    """
    assert context.exchange.control_url is not None
    stores = {
        "postgres": newest_revisions(from_postgres(context.postgres, context.namespace)),
        "parquet": newest_revisions(from_parquet(context.hdfs, context.namespace)),
        "topic": newest_revisions(from_topic(context.kafka, context.namespace)),
    }
    present = {key for candles in stores.values() for key in candles}
    book = {
        key: figures
        for key, figures in read_book(
            context.exchange.control_url, context.run.symbols, live_start_ms
        ).items()
        if key[1] <= last_hour_ms or key in present
    }
    result = compare(book, stores)
    return CandleCheck(
        expected=result.expected,
        per_store=result.per_store,
        equal=result.equal,
        differences=result.differences,
    )


@dataclass(frozen=True)
class ForecastRow:
    """What must agree between the stores of a forecast."""

    symbol: str
    target_open_time_ms: int
    model_version: str
    median: Decimal | None
    is_fallback: bool

    @property
    def key(self) -> Key:
        """Symbol and target hour."""
        return self.symbol, self.target_open_time_ms


def check_forecasts(
    context: PipelineContext, hours_ms: Sequence[int], model_version: str | None
) -> ForecastCheck:
    """Demand exactly one forecast per symbol and closed hour, by the registry's model, everywhere.

    Args:
        context: where the stores are.
        hours_ms: open times of the closed hours, each the last one known to its forecast.
        model_version: the registry's champion.
    """
    wanted = {(symbol, hour + HOUR_MS) for symbol in context.run.symbols for hour in hours_ms}
    stores = {
        "postgres": [row for row in _from_postgres(context) if row.key in wanted],
        "parquet": [row for row in _from_parquet(context) if row.key in wanted],
        "topic": [row for row in _from_topic(context) if row.key in wanted],
    }
    problems: list[str] = []
    for store, rows in stores.items():
        problems += _count_problems(store, rows, wanted)
    ledger = stores["postgres"]
    problems += [
        f"{row.symbol} {row.target_open_time_ms} was made by {row.model_version}"
        for row in ledger
        if row.model_version != model_version
    ]
    for store in ("parquet", "topic"):
        if set(stores[store]) != set(ledger):
            problems.append(f"{store} and postgres hold different forecasts")
    refusals = sum(row.median is None for row in ledger)
    fallbacks = sum(row.is_fallback for row in ledger)
    if refusals:
        problems.append(f"{refusals} refusals")
    if fallbacks:
        problems.append(f"{fallbacks} forecasts by the fallback")
    return ForecastCheck(
        expected=len(wanted),
        by_registry_model=sum(
            row.median is not None and not row.is_fallback and row.model_version == model_version
            for row in ledger
        ),
        fallbacks=fallbacks,
        refusals=refusals,
        in_topic=len({row.key for row in stores["topic"]}),
        in_parquet=len({row.key for row in stores["parquet"]}),
        problems=problems,
    )


def _count_problems(store: str, rows: Iterable[ForecastRow], wanted: set[Key]) -> list[str]:
    counts = Counter(row.key for row in rows)
    missing = [f"{store}: no forecast of {key}" for key in sorted(wanted - counts.keys())]
    doubled = [f"{store}: {n} forecasts of {key}" for key, n in sorted(counts.items()) if n > 1]
    return missing + doubled


def _from_postgres(context: PipelineContext) -> list[ForecastRow]:
    rows = fetch(
        context.postgres,
        context.namespace,
        "SELECT symbol, target_open_time, model_version, q50, is_fallback "
        "FROM forecast WHERE kind = 'live'",
    )
    return [
        ForecastRow(symbol, epoch_ms(target), model, median, fallback)
        for symbol, target, model, median, fallback in rows
    ]


def _from_topic(context: PipelineContext) -> list[ForecastRow]:
    """The topic's distinct messages: a repeated batch may send an equal one again."""
    rows = {}
    for message in read_topic(context.kafka, context.namespace.forecasts_topic):
        fields = orjson.loads(message)
        rows[message] = ForecastRow(
            fields["symbol"],
            fields["target_open_time_ms"],
            fields["model_version"],
            None if fields["q50"] is None else Decimal(fields["q50"]),
            fields["is_fallback"],
        )
    return list(rows.values())


def _from_parquet(context: PipelineContext) -> list[ForecastRow]:
    root = f"{context.namespace.hdfs_root}/forecasts"
    return [
        ForecastRow(
            row["symbol"],
            epoch_ms(row["target_open_time"]),
            row["model_version"],
            row["q50"],
            row["is_fallback"],
        )
        for row in rows_below(open_hdfs(context.hdfs), root)
    ]
