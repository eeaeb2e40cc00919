"""Runs each measured process on its topic, one at a time, and keeps what they say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from conf.contracts.trade_schemas import TRADE_SCHEMA_JSON
from conf.contracts.trades import WIRE_HEADER
from local.ports import PortClaims
from tests.bench.candles.outcome import Outcome, Rate, rate
from tests.bench.candles.peers import Peers
from tests.bench.candles.world import ROOT, Topic, World

TIMEOUT_S = 600.0
_SQL = {"string": "STRING", "long": "BIGINT", "boolean": "BOOLEAN", "int": "INT"}


@dataclass(frozen=True)
class Measured:
    """What one process did: its rate once warm, and all that it said."""

    rate: Rate
    outcome: Outcome


class Runner:
    """Runs the processes of one world.

    Args:
        world: its broker is up.
        warm: rows after which a rate is measured: the compilers are done by then.
        say: where progress goes, a line each.
        ports: where Flink's port is claimed.
        batch: trades of a micro-batch, for trials on few trades; the setting's if 0.
    """

    def __init__(
        self,
        world: World,
        warm: int,
        say: Callable[[str], None],
        ports: PortClaims,
        batch: int = 0,
    ) -> None:
        self._world = world
        self._warm = warm
        self._say = say
        self._batch = batch
        self._flink_port = ports.claim(0, "Flink")

    def spark(self, kind: str, topic: Topic, rows: int) -> Measured:
        """Run a Spark query of a kind of `job` up to so many rows, after one that warms up.

        Its own first batch is not measured: it has the query's start in it.
        """
        command = self._own("job", kind, topic, rows)
        command += ["--warm", str(min(self._warm, rows))]
        if self._batch:
            command += ["--max-offsets", str(self._batch)]
        return self._measure(f"Spark: {kind}", command, topic, 0)

    def loop(self, topic: Topic, rows: int) -> Measured:
        """Run the Python loop; it has no compiler to wait for, but a queue to fill."""
        command = self._own("loop", topic.form, topic, rows)
        return self._measure(f"Python loop: {topic.form}", command, topic, rows // 5)

    def flink(self, topic: Topic, rows: int, peers: Peers) -> Measured:
        """Run Flink SQL."""
        script = ROOT / "tests" / "bench" / "candles" / "flink.py"
        command = [str(peers.python), str(script), self._servers, topic.name, str(rows)]
        command += [str(self._flink_port), orjson.dumps(flink_fields()).decode()]
        command += [str(jar) for jar in peers.jars]
        return self._measure("Flink SQL: avro", command, topic, self._warm)

    @property
    def _servers(self) -> str:
        return self._world.kafka.bootstrap_servers

    def _own(self, module: str, kind: str, topic: Topic, rows: int) -> list[str]:
        command = [sys.executable, "-m", f"tests.bench.candles.{module}", kind]
        return [*command, "--bootstrap-servers", self._servers, *_arguments(topic, rows)]

    def _measure(self, name: str, command: Sequence[str], topic: Topic, warm: int) -> Measured:
        log = self._world.folder / "logs" / "measured.log"
        with log.open("ab") as errors:
            done = subprocess.run(
                command,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=TIMEOUT_S,
                check=False,
                # No options for other Pythons, no home of another Flink.
                env={key: value for key, value in os.environ.items() if "FLINK" not in key},
            )
        if done.returncode != 0:
            last = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
            message = f"{name} on {topic.name} ended with {done.returncode}: {last[-1:]}"
            raise RuntimeError(message)
        outcome = Outcome.model_validate_json(done.stdout.splitlines()[-1])
        measured = Measured(rate(outcome.samples, warm), outcome)
        self._say(
            f"{name:<22} {measured.rate.per_s:>9,}/s  {measured.rate.cpu_us:6.2f} µs of processor"
            f"  {outcome.peak_mib:>6,} MiB  {topic.name}"
        )
        return measured


def _arguments(topic: Topic, rows: int) -> list[str]:
    return ["--topic", topic.name, "--rows", str(min(rows, topic.trades + topic.hours))]


def flink_fields() -> list[tuple[str, str]]:
    """Return the columns of a record on the wire as Flink SQL's, the five bytes of its header first."""
    header = [(f"header_{number}", "INT NOT NULL") for number in range(WIRE_HEADER.size)]
    fields = orjson.loads(TRADE_SCHEMA_JSON)["fields"]
    return header + [(field["name"], _sql(field["type"])) for field in fields]


def _sql(kind: Any, null: str = " NOT NULL") -> str:
    if isinstance(kind, list):
        return _sql(next(one for one in kind if one != "null"), "")
    if isinstance(kind, Mapping):
        inner = ", ".join(f"`{field['name']}` {_sql(field['type'])}" for field in kind["fields"])
        return f"ROW<{inner}>{null}"
    return _SQL[kind] + null
