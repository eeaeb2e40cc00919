"""One Spark query over one topic, in a process of its own: ``python -m tests.bench.candles.job …``.

The last line that it prints is a JSON `Outcome`. The kinds build upon each other, so that the
difference of two is the cost of a step; `candles` is the query itself, as the application starts it,
but for the stores.

Before it is measured, the same query reads the topic's first records in small batches, in the same JVM: what
plans and starts a batch has to be compiled, too, and in a program that lives for days it is. Of batches
of four million trades there would be five, each half a second longer.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import psutil
from pyspark.sql import DataFrame, SparkSession

from conf.connections.spark import build_session
from conf.settings import CandleSettings, HdfsSettings, KafkaSettings, SparkSettings
from streaming.candles import hours
from streaming.candles.verdict import judge, read_hour
from streaming.kafka_source import read_stream
from streaming.trades.decode import decode_records
from tests.bench.candles.json_query import decode_json
from tests.bench.candles.outcome import Outcome, Sample

if TYPE_CHECKING:
    from pyspark.sql.streaming.query import StreamingQuery

POLL_S = 0.1
SPEED = 1.0
WARM_UP_BATCH = 100_000


class Source(NamedTuple):
    """What a query reads, and where it runs."""

    session: SparkSession
    kafka: KafkaSettings
    topic: str


class Judge:
    """The handler of a batch: verdicts as in the query, no stores."""

    def __init__(self) -> None:
        self.verdicts: Counter[str] = Counter()
        self.doubts: list[str] = []

    def __call__(self, frame: DataFrame, _batch_id: int) -> None:
        """Judge what the batch changed."""
        for row in frame.collect():
            hour = read_hour(row.asDict())
            if hour.is_final:
                candle = judge(hour)
                self.verdicts[candle.verdict] += 1
                if candle.verdict != "complete":
                    self.doubts.append(f"{candle.symbol} {candle.open_time_ms}: {candle.reason}")


def _query(kind: str, rows: DataFrame, kafka: KafkaSettings, tasks: int) -> DataFrame:
    """Return the frame of a kind; each does one step more than the one before, but for `json`."""
    candle, schema_id = CandleSettings(), kafka.trades_schema_id
    if kind == "read":
        return rows.select("value").coalesce(tasks)
    if kind == "decode":
        return decode_records(rows.select("value"), schema_id).coalesce(tasks)
    if kind == "judge":
        # No filter: Spark would judge each record once more for it.
        return hours.judged_records(rows, candle, schema_id=schema_id, speed=SPEED).coalesce(tasks)
    if kind == "candles":
        return hours.candle_hours(rows, candle, schema_id=schema_id, speed=SPEED, tasks=tasks)
    # The same query: only where its records come from differs.
    with patch.object(hours, "decode_records", lambda frame, *_: decode_json(frame)):
        return hours.candle_hours(rows, candle, schema_id=schema_id, speed=SPEED, tasks=tasks)


KINDS = ("read", "decode", "judge", "candles", "json")


def main() -> int:
    """Run the query until it has read enough, and print the outcome."""
    options = _options()
    spark_settings = SparkSettings(quick_jit=options.quick_jit)
    kafka = KafkaSettings(bootstrap_servers=options.bootstrap_servers)
    session = build_session(f"bench-{options.kind}", spark_settings, HdfsSettings(url="file:///"))
    for pair in options.conf:
        session.conf.set(*pair.split("=", 1))
    session.conf.set("spark.sql.streaming.numRecentProgressUpdates", "10000")
    at_once = options.max_offsets or spark_settings.max_offsets_per_trigger
    source = Source(session, kafka, options.topic)
    if options.warm:
        _run(source, options.kind, options.warm, min(WARM_UP_BATCH, at_once), Judge())
    judging = Judge()
    query, samples, peak_mib = _run(source, options.kind, options.rows, at_once, judging)
    outcome = Outcome(
        samples=samples,
        verdicts=dict(judging.verdicts),
        doubts=judging.doubts[:5],
        peak_mib=peak_mib,
    )
    if options.explain:
        query.explain(extended=False)
    session.stop()
    print(outcome.model_dump_json())
    return 0


def _run(
    source: Source, kind: str, rows: int, at_once: int, judging: Judge
) -> tuple[StreamingQuery, list[Sample], int]:
    """Run a query from the topic's beginning until it has read so many rows, from a checkpoint of its own."""
    session = source.session
    with tempfile.TemporaryDirectory(prefix="nexthour-bench-") as folder:
        stream = read_stream(session, source.kafka, source.topic, max_offsets_per_trigger=at_once)
        frame = _query(kind, stream, source.kafka, session.sparkContext.defaultParallelism)
        writer = frame.writeStream.option("checkpointLocation", folder)
        if kind in ("candles", "json"):
            writer = writer.outputMode("update").foreachBatch(judging)
        else:
            writer = writer.format("noop")
        query = writer.trigger(processingTime="0 seconds").start()
        samples, peak_mib = _follow(query, rows)
        query.stop()
    return query, samples, peak_mib


def _follow(query: StreamingQuery, rows: int) -> tuple[list[Sample], int]:
    """Wait until so many rows are read; return where the query stood after each batch."""
    cpu: list[tuple[float, float]] = []
    peak_mib = 0
    while True:
        cpu.append((time.time(), _cpu_s()))
        peak_mib = max(peak_mib, _resident_mib())
        error = query.exception()
        if error is not None:
            raise error
        last = query.lastProgress
        if last is not None and cpu[-1][0] - cpu[0][0] > 1:
            batches = [dict(one) for one in query.recentProgress if one["numInputRows"]]
            if sum(one["numInputRows"] for one in batches) >= rows:
                return _samples(batches, cpu), peak_mib
        time.sleep(POLL_S)


def _samples(batches: list[dict[str, Any]], cpu: list[tuple[float, float]]) -> list[Sample]:
    samples, rows = [], 0
    for batch in batches:
        begun_s = datetime.fromisoformat(batch["timestamp"]).timestamp()
        rows += batch["numInputRows"]
        end_s = begun_s + batch["durationMs"]["triggerExecution"] / 1000
        used = min(cpu, key=lambda one: abs(one[0] - end_s))[1]
        samples.append(Sample(rows=rows, at_s=end_s, cpu_s=used))
    return samples


def _of_family(figure: Callable[[psutil.Process], float]) -> float:
    """Return the sum over this process and its children; some of them live for a moment only."""
    own, total = psutil.Process(), 0.0
    for process in (own, *own.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += figure(process)
    return total


def _cpu_s() -> float:
    return _of_family(lambda process: float(sum(process.cpu_times()[:2])))


def _resident_mib() -> int:
    return round(_of_family(lambda process: float(process.memory_info().rss)) / 2**20)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.candles.job", description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--topic", required=True)
    parser.add_argument("--rows", type=int, required=True, help="after which it stops")
    parser.add_argument("--warm", type=int, default=0, help="so many before, in small batches")
    parser.add_argument("--max-offsets", type=int, default=0, help="a batch; the setting if 0")
    parser.add_argument("--quick-jit", action="store_true", help="without the second compiler")
    parser.add_argument("--conf", action="append", default=[], help="key=value of the session")
    parser.add_argument("--explain", action="store_true", help="print the plan")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
