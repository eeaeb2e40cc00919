"""One Kafka broker in KRaft mode on loopback.

Keeps what it stored until its folder is removed; acknowledged records survive the end of the
process (the page cache holds them), not the loss of power.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local.java import JVM_ENVIRONMENT, class_path, java_program
from local.launcher import Launcher
from local.ports import HOST
from local.process import log_has

# One node cannot replicate; the defaults of 3 would leave these topics unusable.
SINGLE_NODE = {
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
}
QUICK_AND_SMALL = {
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    # a dead producer's transaction holds readers back until the next look at time-outs
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "auto.create.topics.enable": "false",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "4",
    "num.recovery.threads.per.data.dir": "1",
    "log.cleaner.dedupe.buffer.size": str(8 * 1024 * 1024),
    "log.segment.bytes": str(256 * 1024 * 1024),
    "log.index.size.max.bytes": str(1024 * 1024),
}
READY = r"Kafka Server started"
CLUSTER_ID = "bmV4dGhvdXItbG9jYWwtMQ"  # fixed: a cluster of one that nobody joins
LOG4J = """
Configuration:
  Properties:
    Property: {{name: "pattern", value: "%d{{yyyy-MM-dd'T'HH:mm:ss,SSS}} %p %m (%c{{1}})%n"}}
  Appenders:
    Console:
      name: out
      PatternLayout: {{pattern: "${{pattern}}"}}
  Loggers:
    Root:
      level: {level}
      AppenderRef: {{ref: out}}
    Logger:
      - name: kafka.server.KafkaRaftServer
        level: INFO
"""


@dataclass(frozen=True)
class KafkaPlan:
    """Where the broker listens and what it may use.

    Attributes:
        folder: configuration and data.
        port: clients.
        controller_port: the controller's own listener.
        heap_mb: heap in MiB.
        jars: folder of the broker's jars.
        extra: broker options beside or instead of the usual ones, such as another listener.
        format_options: further arguments of the storage tool, such as ``--add-scram``.
    """

    folder: Path
    port: int
    controller_port: int
    heap_mb: int
    jars: Path
    extra: Mapping[str, str] = field(default_factory=dict)
    format_options: tuple[str, ...] = ()

    @property
    def bootstrap_servers(self) -> str:
        """Address for clients."""
        return f"{HOST}:{self.port}"

    @property
    def properties_file(self) -> Path:
        """The broker's configuration."""
        return self.folder / "server.properties"

    @property
    def data_dir(self) -> Path:
        """The broker's log folder."""
        return self.folder / "data"


def properties(plan: KafkaPlan) -> dict[str, str]:
    """Return the broker's configuration. Pure."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "controller.quorum.voters": f"1@{HOST}:{plan.controller_port}",
        "listeners": f"PLAINTEXT://{HOST}:{plan.port},CONTROLLER://{HOST}:{plan.controller_port}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{plan.port}",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": str(plan.data_dir.resolve()),
        **SINGLE_NODE,
        **QUICK_AND_SMALL,
        **plan.extra,
    }


def properties_text(values: Mapping[str, str]) -> str:
    """Return a Java properties file. Pure."""
    escaped = (f"{key}={value}".replace("\\", "\\\\") for key, value in values.items())
    return "\n".join(escaped) + "\n"


def _java(plan: KafkaPlan) -> list[str]:
    return [
        str(java_program()),
        # All of its heap from the start: one that fills over an hour looks like a leak, and a machine
        # that is too small says so now.
        f"-Xms{plan.heap_mb}m",
        f"-Xmx{plan.heap_mb}m",
        "-XX:+AlwaysPreTouch",
        "-XX:+UseSerialGC",
        "-XX:ReservedCodeCacheSize=64m",
        "-XX:-UsePerfData",
        "-XX:+ExitOnOutOfMemoryError",
        "-Xshare:auto",
        "-Djava.net.preferIPv4Stack=true",
        f"-Dlog4j2.configurationFile={plan.folder.resolve() / 'log4j2.yaml'}",
        "-cp",
        class_path(plan.jars),
    ]


def write_config(plan: KafkaPlan) -> None:
    """Write the broker's configuration into its folder."""
    plan.folder.mkdir(parents=True, exist_ok=True)
    plan.properties_file.write_text(properties_text(properties(plan)))
    (plan.folder / "log4j2.yaml").write_text(LOG4J.format(level="WARN"))


def start(plan: KafkaPlan, launcher: Launcher) -> None:
    """Write the configuration, format once, start the broker and wait until it serves.

    Raises:
        LocalError: one line if it does not come up.
    """
    write_config(plan)
    if not (plan.data_dir / "meta.properties").exists():
        command = [
            *_java(plan),
            "-XX:-AlwaysPreTouch",
            "-XX:TieredStopAtLevel=1",
            "kafka.tools.StorageTool",
            "format",
        ]
        command += ["--cluster-id", CLUSTER_ID, "--config", str(plan.properties_file)]
        command += plan.format_options
        launcher.finish("kafka-format", command)
    command = [*_java(plan), "kafka.Kafka", str(plan.properties_file)]
    broker = launcher.start("kafka", command, env=JVM_ENVIRONMENT, cwd=plan.folder)
    broker.wait_ready(log_has(broker, READY), launcher.start_timeout_s)
