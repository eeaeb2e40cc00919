"""A broker and filled topics, in a folder that is removed at the end."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from conf.settings import KafkaSettings
from local.ports import PortClaims
from tests.bench.candles.fill import Filling, Form, symbols_of
from tests.support.own_settings import forget_own_settings
from tests.support.servers import Broker

ROOT = Path(__file__).parents[3]
FILL_TIMEOUT_S = 900.0
PROCESSES = 2
TOPIC_CONFIG = {"compression.type": "lz4", "message.timestamp.type": "LogAppendTime"}


@dataclass(frozen=True)
class Topic:
    """A filled topic.

    Attributes:
        trades: records that are no CLOSE.
        hours: final candles that it should give.
        fill_s: wall seconds that filling it took.
    """

    name: str
    form: Form
    symbols: int
    trades: int
    hours: int
    fill_s: float
    mib: int


class World:
    """One broker and its topics."""

    def __init__(self, folder: Path, ports: PortClaims) -> None:
        self.folder = folder
        self._broker = Broker(folder, ROOT / ".deps" / "jars" / "kafka", ports)

    @property
    def kafka(self) -> KafkaSettings:
        """Where the broker is; all else as by default."""
        return KafkaSettings(bootstrap_servers=self._broker.bootstrap_servers)

    def start(self) -> None:
        """Start the broker.

        Raises:
            LocalError: one line if it does not come up.
        """
        self._broker.start()

    def stop(self) -> None:
        """End the broker."""
        self._broker.stop()

    def filled(
        self, name: str, form: Form, *, symbols: int, hours: int, trades: int, seed: int
    ) -> Topic:
        """Make a topic of at least so many trades and fill it, a process a core.

        Raises:
            RuntimeError: if a process failed; with its last line.
        """
        kafka = self.kafka
        admin = AdminClient(kafka.client_config())
        new = NewTopic(name, kafka.trades_partitions, config=TOPIC_CONFIG)
        admin.create_topics([new])[name].result(30)
        per_hour = -(-trades // (symbols * hours))
        every = symbols_of(symbols)
        share = -(-symbols // PROCESSES)
        begun_s = time.monotonic()
        running = [
            _run_filling(
                Filling(
                    bootstrap_servers=kafka.bootstrap_servers,
                    topic=name,
                    form=form,
                    schema_id=kafka.trades_schema_id,
                    symbols=every[first : first + share],
                    first_number=first,
                    hours=hours,
                    per_hour=per_hour,
                    seed=seed,
                )
            )
            for first in range(0, symbols, share)
        ]
        for process in running:
            _wait(process)
        size = sum(file.stat().st_size for file in self.folder.glob(f"kafka/data/{name}-*/*.log"))
        return Topic(
            name=name,
            form=form,
            symbols=symbols,
            trades=symbols * hours * per_hour,
            hours=symbols * hours,
            fill_s=round(time.monotonic() - begun_s, 1),
            mib=round(size / 2**20),
        )

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Return the end of each partition, markers of transactions included."""
        consumer = Consumer(self.kafka.client_config() | {"group.id": "ends"})
        try:
            partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
            return {
                number: consumer.get_watermark_offsets(TopicPartition(topic, number), 10)[1]
                for number in partitions
            }
        finally:
            consumer.close()


def _run_filling(filling: Filling) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.bench.candles.fill", filling.to_json()]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)


def _wait(process: subprocess.Popen[str]) -> None:
    try:
        _, said = process.communicate(timeout=FILL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if process.returncode != 0:
        message = f"filling a topic failed: {(said.splitlines() or ['no word'])[-1]}"
        raise RuntimeError(message)


@contextmanager
def running_world() -> Iterator[World]:
    """Run a broker; a developer's own settings are set aside."""
    forget_own_settings()
    folder = Path(tempfile.mkdtemp(prefix="nexthour-bench-"))
    ports = PortClaims()
    with ExitStack() as parts:
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        parts.callback(ports.release)
        world = World(folder, ports)
        parts.callback(world.stop)
        world.start()
        yield world
