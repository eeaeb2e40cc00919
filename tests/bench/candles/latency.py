"""The whole system on this machine at a steady rate: from the closed kline to the final candle."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from pydantic import SecretStr

from conf.contracts.candles import decode_candle
from conf.demo import DemoSettings
from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, KafkaSettings, PostgresSettings
from nexthour.bring_up import bring_up
from nexthour.demo import NAMESPACE, run_environment, sent_closes
from nexthour.latency import Key, ReadableProbe, latencies, summarise
from nexthour.progress import Steps
from nexthour.system import System
from tests.bench.candles.report import LatencyResult

HOUR_S = 10.0
WARM_HOURS = 18
"""Three minutes. In the first one the second compiler takes a third of a core, which is the start of a
program that runs for days; its first hours are in the demo's report."""

ARCHIVE_EVERY_S = 60.0
"""Ten times as often as on a clock that is not accelerated."""

OFFER_PER_S = 3_100
"""Of the market's average, for 2,000 in the calmer hours that are measured; what was sent is in the report."""

PARTS = ("exchange", "spark", "producer")
POLL_S = 0.5
SPARE_S = 180.0


class TopicProbe(threading.Thread):
    """Reads the topic `candles` as a consumer would; notes when each candle came.

    Attributes:
        seen: wall seconds by symbol and open time.
        verdicts: of all candles.
    """

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        super().__init__(name="topic-probe", daemon=True)
        self.seen: dict[Key, float] = {}
        self.verdicts: Counter[str] = Counter()
        self._is_over = threading.Event()
        self._consumer = Consumer(
            kafka.client_config()
            | {
                "group.id": uuid.uuid4().hex,
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
            }
        )
        self._consumer.assign([TopicPartition(topic, 0, 0)])

    def run(self) -> None:
        """Read until stopped."""
        while not self._is_over.is_set():
            message = self._consumer.poll(0.05)
            value = message.value() if message is not None and not message.error() else None
            if value is not None:
                now_s, candle = time.time(), decode_candle(value)
                if self.seen.setdefault((candle.symbol, candle.open_time_ms), now_s) == now_s:
                    self.verdicts[candle.verdict] += 1
        self._consumer.close()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._is_over.set()
        self.join(timeout=5)


def measure_latency(folder: Path, hours: int, steps: Steps) -> tuple[LatencyResult, list[str]]:
    """Run everything for so many exchange hours; return the latencies and what was wrong.

    Raises:
        LocalError: one line, if a part fails; everything that was started is stopped.
    """
    settings = DemoSettings(
        hour_seconds=HOUR_S, history_days=90, epochs=1, archive_every_s=ARCHIVE_EVERY_S
    )
    # The three queries alone. A day lasts four minutes here: what is done once a day, training and analysis,
    # would go on half of the time.
    environment = run_environment(settings, DEFAULT_SYMBOLS, folder)
    environment["NEXTHOUR_ANALYSIS_IS_ENABLED"] = "false"
    system = System(folder / "latency", environment, steps, fresh=True)
    try:
        return _measure(system, settings, hours, steps.say)
    finally:
        system.stop()


def _measure(
    system: System, settings: DemoSettings, hours: int, say: Callable[[str], None]
) -> tuple[LatencyResult, list[str]]:
    standin = {
        "NEXTHOUR_STANDIN_HOLD": "true",
        "NEXTHOUR_STANDIN_HISTORY_HOURS": str((settings.history_days + 1) * 24),
        "NEXTHOUR_STANDIN_TRADES_PER_HOUR": str(int(OFFER_PER_S * HOUR_S)),
    }
    bring_up(
        system,
        history_days=settings.history_days,
        start_exchange=lambda: system.start_exchange(standin),
        start_clock=lambda: None,
        with_api=False,
        with_lifecycle=False,
    )
    first_ms = int(str(system.exchange_status()["live_start_ms"]))
    namespace = Namespace(NAMESPACE)
    postgres = PostgresSettings(url=SecretStr(system.environment["NEXTHOUR_POSTGRES_URL"]))
    kafka = KafkaSettings(bootstrap_servers=system.environment["NEXTHOUR_KAFKA_BOOTSTRAP_SERVERS"])
    rows = ReadableProbe(postgres, namespace, first_ms)
    messages = TopicProbe(kafka, namespace.candles_topic)
    rows.start()
    messages.start()
    try:
        system.start_clock()
        _wait_hours(system, rows, WARM_HOURS)
        begun_s, sent = time.monotonic(), int(str(system.exchange_status()["trades_sent"]))
        say(f"warm after {WARM_HOURS} hours; measuring {hours} of {HOUR_S:g} s")
        _wait_hours(system, rows, WARM_HOURS + hours)
        count = int(str(system.exchange_status()["trades_sent"])) - sent
        per_s = round(count / (time.monotonic() - begun_s))
        time.sleep(2 * POLL_S)
    finally:
        rows.stop()
        messages.stop()
    closes = sent_closes(system)
    after = sorted({hour for _, hour in closes})[WARM_HOURS : WARM_HOURS + hours]
    wanted = {key: sent_ms for key, sent_ms in closes.items() if key[1] in after}
    seen = {"postgres": rows.seen["candle"], "topic": messages.seen}
    problems = [
        f"{where}: {len(wanted.keys() - found.keys())} of {len(wanted)} final candles did not come"
        for where, found in seen.items()
        if wanted.keys() - found.keys()
    ]
    in_postgres, on_topic = (
        summarise(latencies(wanted, found).values()) for found in seen.values()
    )
    result = LatencyResult(
        trades_per_s=per_s,
        hours=len(after),
        postgres=in_postgres,
        topic=on_topic,
        verdicts=dict(messages.verdicts),
    )
    return result, problems


def _wait_hours(system: System, rows: ReadableProbe, count: int) -> None:
    give_up_s = time.monotonic() + count * HOUR_S + SPARE_S
    while len({hour for _, hour in list(rows.seen["candle"])}) < count:
        system.require_running(PARTS)
        if time.monotonic() > give_up_s:
            message = f"{len(rows.seen['candle'])} final candles, {count} hours were awaited"
            raise TimeoutError(message)
        time.sleep(POLL_S)
