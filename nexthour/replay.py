"""`nexthour replay FILE`: a capture through exchange, producer, Kafka and Spark, every trade accounted for."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from conf.connections.schema_registry import with_registered_id
from conf.contracts.candles import Candle, decimal_text
from conf.contracts.trades import decode, writer_schemas
from conf.names import utc_time
from conf.settings import RunSettings
from local.errors import LocalError
from nexthour.capture import CaptureCount, count_trades
from nexthour.doctor import require_healthy
from nexthour.progress import Steps
from nexthour.reports import Machine, ReplayReport, write_report
from nexthour.system import System
from streaming.context import PipelineContext
from streaming.reconcile.compare import Key, newest_revisions
from streaming.reconcile.readers import from_parquet, from_postgres, from_topic, read_topic

SETTLE_TIMEOUT_S = 120.0
"""From the producer's end until Spark has written the last candle; some seconds are normal."""

PRICE = pa.decimal128(38, 8)
QUOTE = pa.decimal128(38, 16)
CANDLES_SCHEMA = pa.schema(
    [
        ("symbol", pa.string()),
        ("open_time", pa.timestamp("ms", tz="UTC")),
        *((name, PRICE) for name in ("open", "high", "low", "close", "volume")),
        ("quote_volume", QUOTE),
        ("trades", pa.int64()),
        ("first_trade_id", pa.int64()),
        ("last_trade_id", pa.int64()),
        ("verdict", pa.string()),
    ]
)
"""`var/replay/candles.parquet`; one row per symbol and hour."""


@dataclass
class TopicCount:
    """What the topic `trades` holds."""

    trades: int = 0
    gap_ids: int = 0
    closes: set[Key] = field(default_factory=set)


def run_replay(file: Path, speed: float) -> bool:
    """Replay a capture; return whether every trade is accounted for.

    Raises:
        LocalError: one line; everything that was started is stopped.
    """
    begun = time.monotonic()
    count = count_trades(file)
    if not count.ids:
        message = f"{file} holds no @trade message of a combined stream"
        raise LocalError(message)
    var_dir = RunSettings().var_dir.resolve()
    require_healthy(var_dir)
    steps = Steps()
    steps.say(f"[bold]nexthour replay[/bold]  {file}: {count.distinct} trades\n")
    environment = {
        "NEXTHOUR_NAMESPACE": "replay",
        "NEXTHOUR_VENUE": "capture",
        "NEXTHOUR_SOURCE_LABEL": "replay",
        "NEXTHOUR_SYMBOLS": ",".join(sorted(count.ids)),
        "NEXTHOUR_SPEED": f"{speed:g}",
        "NEXTHOUR_VAR_DIR": str(var_dir),
    }
    system = System(var_dir / "replay", environment, steps, fresh=True)
    try:
        candles, topic, dead = _through_the_system(system, file)
    except KeyboardInterrupt as error:
        message = "interrupted; nothing was written"
        raise LocalError(message) from error
    finally:
        with suppress(KeyboardInterrupt), steps.step("stop everything"):
            system.stop()
    stores = {name: newest_revisions(found) for name, found in candles.items()}
    report = account(file, count, stores, topic, dead, time.monotonic() - begun)
    write_candles(stores["postgres"].values(), var_dir / "replay" / "candles.parquet")
    write_report(report, var_dir / "replay" / "report.json")
    _show(report, stores["postgres"].values(), steps, var_dir / "replay" / "report.json")
    return report.is_green


def _through_the_system(
    system: System, file: Path
) -> tuple[dict[str, list[Candle]], TopicCount, int]:
    steps = system.steps
    with steps.step("start the stores"):
        system.start_stack()
    with steps.step("start the exchange with the capture"):
        system.start_exchange(
            {
                "NEXTHOUR_STANDIN_CAPTURE": str(file.resolve()),
                "NEXTHOUR_STANDIN_HOLD": "true",
            }
        )
    with steps.step("start the candles query"):
        system.prepare()
        system.start_pipeline("nexthour.launchers.candles")
    with steps.step("replay"):
        producer = system.start_producer()  # it listens before the first message is sent
        system.start_clock()
        _wait(lambda: not producer.is_running, system, 24 * 3600, "the producer did not end")
        if producer.returncode != 0:
            message = f"the producer failed: {producer.last_telling_line()}"
            raise LocalError(message)
    with system.settings_environment(), steps.step("wait for the last candle"):
        context = PipelineContext.from_environment()
        topic = count_topic(context)

        def all_there() -> bool:
            found = newest_revisions(from_postgres(context.postgres, context.namespace))
            return topic.closes <= found.keys()

        _wait(all_there, system, SETTLE_TIMEOUT_S, "the last candle did not come")
        dead = sum(1 for _ in read_topic(context.kafka, context.namespace.dead_topic))
        candles = {
            "postgres": list(from_postgres(context.postgres, context.namespace)),
            "parquet": list(from_parquet(context.hdfs, context.namespace)),
            "topic": list(from_topic(context.kafka, context.namespace)),
        }
    return candles, topic, dead


def _wait(condition: Callable[[], bool], system: System, timeout_s: float, problem: str) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        system.require_running(("exchange", "spark"))
        if time.monotonic() > deadline:
            message = f"{problem}; see {system.run_dir / 'logs'}"
            raise LocalError(message)
        time.sleep(0.2)


def count_topic(context: PipelineContext) -> TopicCount:
    """Count what the topic `trades` holds up to its present end."""
    count = TopicCount()
    topic = context.namespace.trades_topic
    kafka = with_registered_id(context.kafka, topic)
    writers = writer_schemas(kafka.trades_writer_schemas)
    for message in read_topic(kafka, topic):
        record = decode(message, kafka.trades_schema_id, writers)
        if record.kind == "TRADE":
            count.trades += 1
        elif record.close is not None:
            count.closes.add((record.symbol, record.close.open_time_ms))
        elif record.gap is not None:
            count.gap_ids += record.gap.last_id - record.gap.first_id + 1
    return count


def account(
    file: Path,
    count: CaptureCount,
    stores: dict[str, dict[Key, Candle]],
    topic: TopicCount,
    dead_letters: int,
    seconds: float,
) -> ReplayReport:
    """Balance the capture's trades against topic and candles. Pure but for `Machine.here`."""
    candles = stores["postgres"]
    in_candles = sum(candle.trades for candle in candles.values())
    problems = []
    if in_candles + dead_letters != count.distinct:
        problems.append(
            f"{count.distinct} trades in, {in_candles} in candles, {dead_letters} dead letters"
        )
    if topic.trades != in_candles:
        problems.append(f"{topic.trades} trades in the topic, {in_candles} in candles")
    for name, found in stores.items():
        if found != candles:
            problems.append(f"{name} and postgres hold different candles")
    return ReplayReport(
        is_green=not problems,
        file=file.name,
        messages=count.messages,
        trades_in=count.distinct,
        trades_published=topic.trades,
        duplicates=count.trades - count.distinct,
        dead_letters=dead_letters,
        gap_ids=topic.gap_ids,
        trades_in_candles=in_candles,
        accounted_for=in_candles + dead_letters,
        candles=len(candles),
        verdicts=dict(Counter(candle.verdict for candle in candles.values())),
        problems=problems,
        seconds=round(seconds, 1),
        machine=Machine.here(),
    )


def write_candles(candles: Iterable[Candle], path: Path) -> None:
    """Write candles as Parquet with `CANDLES_SCHEMA`, ordered by symbol and hour."""
    rows = [
        {
            **{name: getattr(candle, name) for name in CANDLES_SCHEMA.names if name != "open_time"},
            "open_time": utc_time(candle.open_time_ms),
        }
        for candle in sorted(candles, key=lambda candle: (candle.symbol, candle.open_time_ms))
    ]
    pq.write_table(pa.Table.from_pylist(rows, CANDLES_SCHEMA), path)


def _text(price: Decimal | None) -> str:
    return "–" if price is None else decimal_text(price)


def _show(report: ReplayReport, candles: Iterable[Candle], steps: Steps, path: Path) -> None:
    for candle in sorted(candles, key=lambda candle: (candle.symbol, candle.open_time_ms)):
        steps.say(
            f"   {candle.symbol} {utc_time(candle.open_time_ms):%Y-%m-%d %H:%M} "
            f"o {_text(candle.open)} h {_text(candle.high)} l {_text(candle.low)} "
            f"c {_text(candle.close)} "
            f"n {candle.trades}  {candle.verdict} ({candle.reason})"
        )
    steps.say(f"\n {report.trades_in} trades in, {report.accounted_for} accounted for")
    for line in report.problems:
        steps.say(f" [red]✗[/red] {line}")
    colour = "green" if report.is_green else "red"
    steps.say(f" [{colour}]{'green' if report.is_green else 'RED'}[/{colour}]  report: {path}")
