"""The order of the stores and what a repeated or failing batch leaves behind, on stores in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pytest
from prometheus_client import REGISTRY

from conf.contracts.candles import Candle
from streaming.candles.revisions import Current, HourKey, key_of
from streaming.candles.sink import CandleSink
from streaming.candles.table import Batch
from streaming.errors import SinkError
from tests.support.candle_records import closing, trade
from tests.support.candle_rows import TRADES, row

pytestmark = pytest.mark.unit
T = TypeVar("T")


@dataclass
class Stores:
    """Files, topic and table in memory; `broken` names one that refuses."""

    log: list[str] = field(default_factory=list)
    rows: dict[HourKey, Current] = field(default_factory=dict)
    provisional: list[Candle] = field(default_factory=list)
    current: dict[HourKey, Current] = field(default_factory=dict)
    published: list[Candle] = field(default_factory=list)
    committed: int = -1
    broken: str = ""

    def _do(self, what: str) -> None:
        if self.broken == what:
            raise SinkError(what)
        self.log.append(what)

    def sink(self, now_s: float = 0.0) -> CandleSink:
        files, topic = _Part(self, "files"), _Part(self, "topic")
        return CandleSink(self, files, topic, lambda: now_s)  # type: ignore[arg-type] # in memory

    def in_turn(self, keys: Iterable[HourKey], work: Callable[[Stores], T]) -> T:
        self._do("read")
        self.current = {key: self.rows[key] for key in keys if key in self.rows}
        return work(self)

    def last_batch(self, _batch: Batch) -> int:
        return self.committed

    def write(self, batch: Batch, final: Sequence[Candle], provisional: Sequence[Candle]) -> None:
        self._do("table")
        self.rows |= {key_of(candle): Current(candle, True) for candle in final}
        self.provisional += provisional
        self.committed = batch.batch_id


class _Part:
    def __init__(self, stores: Stores, name: str) -> None:
        self._stores, self._name = stores, name

    def write(self, candles: Sequence[Candle]) -> None:
        self._stores._do(self._name)
        self._stores.published += candles

    send = write


def batch(number: int) -> Batch:
    return Batch("candles", "checkpoint", number)


def test_revisions_first_table_last() -> None:
    stores = Stores()
    stores.sink().store([row(TRADES)], batch(0))
    assert stores.log == ["read", "files", "topic", "table"]
    assert [current.candle.revision for current in stores.rows.values()] == [1]


@pytest.mark.parametrize("broken", ["read", "files", "topic", "table"])
def test_failing_store_stops_the_batch_and_the_next_try_completes_it(broken: str) -> None:
    stores = Stores(broken=broken)
    with pytest.raises(SinkError):
        stores.sink().store([row(TRADES)], batch(0))
    assert stores.rows == {}
    stores.broken = ""
    stores.log.clear()
    stores.sink().store([row(TRADES)], batch(0))
    assert stores.log == ["read", "files", "topic", "table"]
    assert [current.candle.revision for current in stores.rows.values()] == [1]


def test_repeated_batch_writes_nothing_more() -> None:
    stores = Stores()
    stores.sink().store([row(TRADES)], batch(0))
    stores.log.clear()
    stores.sink().store([row(TRADES)], batch(0))
    assert stores.log == ["read"]


def test_changed_hour_gets_the_next_revision() -> None:
    stores = Stores()
    sink = stores.sink()
    sink.store([row(TRADES)], batch(0))
    late = [*TRADES, trade(13, "98")]
    sink.store([row(late, [closing(TRADES)])], batch(1))
    (current,) = stores.rows.values()
    assert (current.candle.revision, current.candle.verdict) == (2, "disputed")


def test_running_hours_go_to_the_table_only() -> None:
    stores = Stores()
    stores.sink().store([row(TRADES, closes=[])], batch(0))
    assert stores.log == ["read", "table"]
    assert [(candle.trades, candle.revision) for candle in stores.provisional] == [(3, 1)]


def test_checkpoint_that_was_set_back_still_brings_missing_candles() -> None:
    stores = Stores(committed=9)
    stores.sink().store([row(TRADES)], batch(3))
    assert [current.candle.trades for current in stores.rows.values()] == [3]


def test_empty_batch_touches_no_file_and_no_topic() -> None:
    stores = Stores()
    stores.sink().store([], batch(0))
    assert "files" not in stores.log
    assert "topic" not in stores.log


def test_what_became_of_candles_is_counted() -> None:
    def counted(outcome: str) -> float:
        return REGISTRY.get_sample_value("nexthour_candles_total", {"outcome": outcome}) or 0.0

    outcomes = ("to_store", "unchanged", "truncated")
    before = [counted(outcome) for outcome in outcomes]
    stores = Stores()
    sink = stores.sink()
    for number, rows in enumerate((TRADES, TRADES, TRADES[1:])):  # the last has lost its first id
        sink.store([row(rows, closes=[closing(TRADES)])], batch(number))
    assert [counted(outcome) for outcome in outcomes] == [one + 1 for one in before]


def test_repaired_hour_stays_and_is_written_once_more() -> None:
    stores = Stores()
    sink = stores.sink()
    sink.store([row(TRADES)], batch(0))
    ((key, current),) = stores.rows.items()
    repaired = replace(current.candle, source="repair", revision=2, trades=99)
    stores.rows[key] = Current(repaired, True)
    stores.log.clear()
    stores.published.clear()
    sink.store([row(TRADES)], batch(1))
    assert stores.log == ["read", "files", "topic"]  # over what this batch may have left there
    assert stores.published == [repaired, repaired]
    assert stores.rows[key].candle == repaired
