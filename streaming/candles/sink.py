"""The foreachBatch handler of the candles query: Parquet, topic, Postgres, in this order.

Guarantee: effectively once per (symbol, hour, revision) in each store. Revisions are read from
Postgres before anything is written; Postgres is written last, with the batch's commit row in the same
transaction, which holds the hours' locks from the reading on (`rows`). So whatever Postgres says is in the
other two stores already, no repair of these hours comes in between, and a batch that comes again after
a crash anywhere finds either nothing of it in Postgres, and then writes the same files, messages and
rows, or all of it, and then nothing is left to do. Where a repair was faster than a batch that comes
again, file and message of the repair are written once more, over whatever the batch had left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
from prometheus_client import Counter

from conf.abort import AbortSwitch
from conf.contracts.candles import Candle
from streaming.candles.balance import CandleBalance
from streaming.candles.files import CandleFiles
from streaming.candles.provisional import ProvisionalCandles
from streaming.candles.revisions import Allotment, Current, HourKey, allot, key_of
from streaming.candles.table import Batch, CandleTable, Turn
from streaming.candles.topic import CandleTopic
from streaming.candles.verdict import Hour, judge, read_hour

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

log = structlog.get_logger(__name__)

QUERY = "candles"
OUTCOMES = Counter(
    "nexthour_candles",
    "Final candles of batches, by what became of them; a repeated batch counts again.",
    ["outcome"],
)
# Where the switch kills inside of Spark's own work: its job of a batch, and the write of the commit log.
INSIDE_S = 0.02


class CandleSink:
    """Stores one batch of aggregated hours; raises if a store refuses, so that the query stops."""

    def __init__(
        self,
        table: CandleTable,
        files: CandleFiles,
        topic: CandleTopic,
        clock_s: Callable[[], float] = time.monotonic,
        abort: AbortSwitch | None = None,
        balance: CandleBalance | None = None,
    ) -> None:
        """Take the three stores and what else a batch needs.

        Args:
            table: candles in Postgres, written last.
            files: candles on HDFS.
            topic: candles on Kafka.
            clock_s: monotonic wall seconds.
            abort: a switch for chaos tests.
            balance: is told how many records each batch's hours hold.
        """
        self._balance = balance
        self._abort = abort or AbortSwitch(None)
        self._table = table
        self._files = files
        self._topic = topic
        self._clock_s = clock_s
        self._provisional = ProvisionalCandles()
        self._committed: dict[str, int] = {}

    def __call__(self, frame: DataFrame, batch_id: int) -> None:
        """Store the hours that a micro-batch changed; Spark calls this."""
        self._abort.at("batch_begun")
        self._abort.soon("reading", INSIDE_S)
        query_id = frame.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
        rows = [row.asDict() for row in frame.collect()]
        self.store(rows, Batch(QUERY, query_id or "none", batch_id))
        self._abort.soon("checkpointing", INSIDE_S)

    def close(self) -> None:
        """Give back connections and threads; the sink stores nothing afterwards."""
        self._table.close()
        self._files.close()

    def store(self, rows: Iterable[Mapping[str, Any]], batch: Batch) -> None:
        """Store aggregated rows of one batch.

        Args:
            rows: rows of `aggregate.aggregate_hours`, at most one per symbol and hour.
            batch: which batch this is.

        Raises:
            SinkError: if a store did not take all of it.
            psycopg2.Error: if Postgres is away.
            OSError: if HDFS is away.
        """
        rows = list(rows)
        if self._balance is not None:
            held = {(row["symbol"], row["open_time_ms"]): row["records"] for row in rows}
            self._balance.stored(batch.batch_id, held)
        hours = [read_hour(row) for row in rows]
        closed = {key_of(hour.candle): hour for hour in hours if hour.is_final}
        judged = [judge(hour) for hour in closed.values()]
        self._abort.at("judged")
        self._provisional.update(
            (_running(hour) for hour in hours if not hour.is_final),
            closed,
        )
        provisional = self._due(batch)

        def store(turn: Turn) -> Allotment:
            allotment = allot(judged, turn.current, closed)
            self._abort.at("revisions_read")
            self._publish(allotment, turn.current)
            if allotment.to_store or provisional:
                turn.write(batch, allotment.to_store, provisional)
            return allotment

        allotment = self._table.in_turn(closed, store)
        if allotment.to_store or provisional:
            self._abort.at("after_commit")
        _tell(allotment)
        if allotment.to_store and self._is_repeated(batch):
            # Only a checkpoint that was set back comes here: what it brings was not in the table.
            log.warning("old_batch_brings_new_candles", batch=batch.batch_id)
        self._committed[batch.checkpoint] = max(batch.batch_id, self._committed[batch.checkpoint])

    def _due(self, batch: Batch) -> list[Candle]:
        """Return the running hours that are to be written now; none by a batch that comes again."""
        if batch.checkpoint not in self._committed:
            self._committed[batch.checkpoint] = self._table.last_batch(batch)
        if self._is_repeated(batch):
            return []
        return self._provisional.due(self._clock_s())

    def _is_repeated(self, batch: Batch) -> bool:
        return batch.batch_id <= self._committed[batch.checkpoint]

    def _publish(self, allotment: Allotment, current: Mapping[HourKey, Current]) -> None:
        """Write files and messages of what is new, and once more of what a repair has stored.

        A batch that lost its connection, and with it its turn, may have been overtaken by a repair
        just as it wrote its own file and message of the same revision. It comes again, as every batch
        does until it is committed, and then finds the hour repaired: what the table holds is put back.
        """
        restored = [current[key_of(candle)].candle for candle in allotment.repaired]
        candles = [*restored, *allotment.to_store]
        if candles:
            self._files.write(candles)
            self._abort.at("files_written")
            self._topic.send(candles)
            self._abort.at("topic_flushed")


def _running(hour: Hour) -> Candle:
    return replace(hour.candle, revision=1)


def _tell(allotment: Allotment) -> None:
    for outcome in Allotment.__slots__:
        OUTCOMES.labels(outcome).inc(len(getattr(allotment, outcome)))
    for candle in allotment.repaired:
        log.warning("repaired_hour_kept", symbol=candle.symbol, open_ms=candle.open_time_ms)
    for candle in allotment.truncated:
        log.warning("kept_truncated", symbol=candle.symbol, open_ms=candle.open_time_ms)
    for candle in allotment.to_store:
        log.info(
            "candle_final",
            symbol=candle.symbol,
            open_ms=candle.open_time_ms,
            verdict=candle.verdict,
            reason=candle.reason,
            revision=candle.revision,
        )
