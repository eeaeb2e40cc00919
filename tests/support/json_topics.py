"""A broker of one's own, and a writer of JSON messages in transactions as the producers write."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from confluent_kafka import Producer

from conf.local_stack import LocalStackSettings
from conf.settings import KafkaSettings
from local import kafka
from local.launcher import Launcher
from local.ports import PortClaims
from tests.support.bundle import ROOT

Record = tuple[str, bytes | None, bytes | None]
"""Topic, key, value."""


class KafkaBroker:
    """A Kafka broker that can be stopped and started again; its data stay meanwhile."""

    def __init__(self, folder: Path) -> None:
        self._options = LocalStackSettings(run_dir=folder)
        self._ports = PortClaims()
        self._folder = folder
        self._plan = kafka.KafkaPlan(
            folder=folder / "kafka",
            port=self._ports.claim(0, "kafka"),
            controller_port=self._ports.claim(0, "kafka controller"),
            heap_mb=self._options.kafka_heap_mb,
            jars=ROOT / ".deps" / "jars" / "kafka",
        )
        self._launcher: Launcher | None = None

    def start(self) -> KafkaSettings:
        """Start it and return where it is."""
        options = self._options
        self._launcher = Launcher(
            self._folder / "logs", options.start_timeout_s, options.stop_timeout_s
        )
        kafka.start(self._plan, self._launcher)
        return KafkaSettings(bootstrap_servers=self._plan.bootstrap_servers)

    def stop(self) -> None:
        """Stop it."""
        if self._launcher is not None:
            self._launcher.stop_all()

    def remove(self) -> None:
        """Stop it for good."""
        self.stop()
        self._ports.release()


class JsonWriter:
    """One transactional writer of any topics."""

    def __init__(self, settings: KafkaSettings, transactional_id: str) -> None:
        self._producer = Producer(
            {**settings.client_config(), "transactional.id": transactional_id, "linger.ms": 0}
        )
        self._producer.init_transactions(30)

    def begin(self, records: Iterable[Record]) -> None:
        """Send records in a transaction that stays open; they are on the broker on return."""
        self._producer.begin_transaction()
        for topic, key, value in records:
            self._producer.produce(topic, value, key)
        assert self._producer.flush(20) == 0

    def commit(self) -> None:
        """Commit the open transaction."""
        self._producer.commit_transaction(20)

    def abort(self) -> None:
        """Abort the open transaction."""
        self._producer.abort_transaction(20)

    def write(self, records: Iterable[Record]) -> None:
        """Send records in a transaction of their own."""
        self.begin(records)
        self.commit()
