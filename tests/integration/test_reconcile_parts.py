"""A range that is compared in several parts: the same outcome, and what is on its way is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from unittest.mock import patch

import pytest

from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.postgres import connect
from conf.contracts.candles import Candle
from conf.names import HOUR_MS
from producers.topics import ensure_topics
from streaming.candles.files import CandleFiles
from streaming.candles.revisions import key_of
from streaming.candles.table import Batch, CandleTable, Turn
from streaming.candles.topic import CandleTopic
from streaming.candles.verdict import judge, read_hour
from streaming.context import PipelineContext
from streaming.reconcile import parts
from streaming.reconcile.job import Report, Request, reconcile
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR
from tests.support.candle_rows import TRADES, row
from tests.support.candle_run import context_of

pytestmark = pytest.mark.integration

SYMBOLS = ("BTCUSDT", "DOTUSDT")
DAYS = 5
# Midnight is the first hour; the range begins and ends inside a day.
FROM_MS, UNTIL_MS = HOUR + 20 * HOUR_MS, HOUR + (DAYS * 24 - 3) * HOUR_MS
LAST_PARTS = ("postgres, part 5 of 5", "topic, part 5 of 5", "parquet, part 5 of 5")


@dataclass
class Stores:
    """The three stores of a namespace, written in the order of a batch."""

    context: PipelineContext
    table: CandleTable
    files: CandleFiles
    topic: CandleTopic
    batches: int = 0

    def write(self, *candles: Candle) -> None:
        self.files.write(candles)
        self.topic.send(candles)
        self.write_table(*candles)

    def write_table(self, *candles: Candle) -> None:
        self.batches += 1
        batch = Batch("candles", "test", self.batches)

        def store(turn: Turn) -> None:
            turn.write(batch, candles, [])

        self.table.in_turn([key_of(candle) for candle in candles], store)


@pytest.fixture
def stores(settings: Bundle) -> Iterator[Stores]:
    ensure_topics(settings.kafka, settings.run)
    context, namespace = context_of(settings), settings.namespace
    found = Stores(
        context,
        CandleTable(partial(connect, context.postgres, namespace)),
        CandleFiles(namespace, partial(write_replacing, open_hdfs(context.hdfs))),
        CandleTopic(context.kafka, namespace.candles_topic),
    )
    found.write(*(candle(symbol, hour) for symbol in SYMBOLS for hour in range(0, DAYS * 24, 2)))
    yield found
    found.table.close()
    found.files.close()


def candle(symbol: str, hour: int, **changes: object) -> Candle:
    fields = {"symbol": symbol, "open_time_ms": HOUR + hour * HOUR_MS}
    right = replace(judge(read_hour(row(TRADES) | fields)), revision=1)
    return replace(right, **changes)  # type: ignore[arg-type] # fields by name


def compare(
    stores: Stores, candles_at_once: int, on_part: Callable[[str], None] = lambda _: None
) -> Report:
    request = Request(
        SYMBOLS, with_exchange=False, from_ms=FROM_MS, until_ms=UNTIL_MS, second_look_s=0
    )
    with patch.object(parts, "CANDLES_AT_ONCE", candles_at_once):
        return asyncio.run(reconcile(stores.context, request, on_part))


def test_parts_give_the_outcome_of_the_whole(stores: Stores) -> None:
    files, namespace = open_hdfs(stores.context.hdfs), stores.context.namespace
    assert compare(stores, 48).outcome.is_green
    for hour in (22, 48, 50, 112):  # before, in and after the days in the middle
        files.rm_file(namespace.candle_file("BTCUSDT", HOUR + hour * HOUR_MS, 1))
    stores.topic.send([candle("DOTUSDT", 52, trades=7), candle("DOTUSDT", 0, trades=7)])
    read: list[str] = []
    by_parts, at_once = compare(stores, 48, read.append).outcome, compare(stores, 10_000).outcome
    assert by_parts == at_once
    found = [(f.symbol, (f.open_time_ms - HOUR) // HOUR_MS, f.store) for f in by_parts.findings]
    assert found == [
        ("BTCUSDT", 22, "parquet"),
        ("BTCUSDT", 48, "parquet"),
        ("BTCUSDT", 50, "parquet"),
        ("DOTUSDT", 52, "topic"),
        ("BTCUSDT", 112, "parquet"),
    ]
    hours = {symbol: by_parts.tallies[symbol, "topic"].expected for symbol in SYMBOLS}
    assert hours == dict.fromkeys(SYMBOLS, (UNTIL_MS - FROM_MS) // HOUR_MS // 2 + 1)
    assert len(read) == 3 * DAYS
    assert tuple(read[-3:]) == LAST_PARTS


def test_a_revision_that_comes_between_the_looks_is_no_difference(stores: Stores) -> None:
    """Of a day that was read long ago, of one that is read just now, and of the last one."""
    newer = [
        replace(candle("BTCUSDT", hour, trades=9), revision=2, source="repair")
        for hour in (24, 72, 116)
    ]

    def change(name: str) -> None:
        if name == "postgres, part 2 of 5":
            stores.write(newer[0])
        elif name == "topic, part 4 of 5":
            stores.write(newer[1])
        elif name == LAST_PARTS[0]:
            stores.write(newer[2])

    outcome = compare(stores, 48, change).outcome
    assert outcome.is_green, outcome.findings
    compared = compare(stores, 48).outcome
    assert compared.is_green
    assert compared.tallies == outcome.tallies
