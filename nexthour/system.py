"""The whole system as processes on this machine: who is started how, in which order it can stop."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock

import httpx
import orjson

from conf.local_stack import LocalStackSettings
from conf.settings import KafkaSettings, PostgresSettings, RunSettings
from local.errors import LocalError
from local.memory import MemorySampler
from local.ports import PortClaims
from local.process import ManagedProcess, answers
from local.stack import LocalStack
from nexthour.prepare import prepare
from nexthour.progress import Steps
from nexthour.run_environment import variables_set
from nexthour.running import remove_note, write_note
from producers.errors import ProducerError

HOST = "127.0.0.1"
REPOSITORY = Path(__file__).parents[1]
MEMORY_SAMPLE_S = 2.0
"""The kernel walks a process's memory for each sample, which on a large JVM is felt."""
STEP_TIMEOUT_S = 600.0
"""History and training on a slow machine; a hang is cut here, not a long run."""


class System:
    """Owns every process of one run; `stop` ends them all, newest first.

    Args:
        run_dir: data, configuration and logs of this run.
        environment: NEXTHOUR_ variables of all children; parts add their addresses.
        steps: where progress is shown.
        fresh: start with empty stores; otherwise go on with what is in `run_dir`.
    """

    def __init__(
        self, run_dir: Path, environment: Mapping[str, str], steps: Steps, *, fresh: bool
    ) -> None:
        self.run_dir = run_dir
        self.environment = dict(environment)
        self.steps = steps
        self.memory = MemorySampler(MEMORY_SAMPLE_S)
        self.stack = LocalStack(LocalStackSettings(run_dir=run_dir, durable=not fresh), fresh=fresh)
        self._folder_is_ours = Event()
        self._is_stopping = False
        self._noting = Lock()  # parts start side by side
        self.addresses: dict[str, str] = {}
        self._ports = PortClaims()
        self._processes: dict[str, ManagedProcess] = {}

    # ---- stores ------------------------------------------------------------------------------

    def start_stack(self) -> None:
        """Start Kafka, HDFS, Postgres and S3, all fresh.

        Raises:
            LocalError: one line that says which part failed and why.
        """
        try:
            self.stack.up(self._on_part)
        finally:
            self._folder_is_ours.set()  # nobody waits for a stack that failed
        self.environment.update(self.stack.environment())
        for name, pid in self.stack.pids().items():
            self.memory.watch(name, pid)
        self._note()

    def _on_part(self, part: str, state: str, seconds: float) -> None:
        self._folder_is_ours.set()
        if state == "ready":
            self.steps.done(f"start {part}", seconds)

    # ---- processes ---------------------------------------------------------------------------

    def start(
        self, name: str, arguments: Sequence[str], env: Mapping[str, str] | None = None
    ) -> ManagedProcess:
        """Start ``python ARGUMENTS`` with this run's environment and watch its memory.

        Raises:
            LocalError: if it cannot be started, or everything is being stopped.
        """
        if self._is_stopping:
            message = f"{name} was not started: everything is being stopped"
            raise LocalError(message)
        process = ManagedProcess(
            name,
            [sys.executable, *arguments],
            log_dir=self.run_dir / "logs",
            env={**self.environment, "PYTHONUNBUFFERED": "1", **(env or {})},
            cwd=REPOSITORY,
        )
        process.start()
        self._processes[name] = process
        assert process.pid is not None
        self.memory.watch(name, process.pid)
        self._note()
        return process

    def _note(self) -> None:
        with self._noting:
            parts = list(self._processes.items())
            running = {name: part.pid for name, part in parts if part.pid and part.is_running}
            write_note(self.run_dir, {**self.stack.pids(), **running}, self.addresses)

    def run_to_end(
        self, name: str, arguments: Sequence[str], env: Mapping[str, str] | None = None
    ) -> None:
        """Run a process to its end.

        Raises:
            LocalError: with its last telling line, if it fails or hangs.
        """
        process = self.start(name, arguments, env)
        try:
            code = process.wait(STEP_TIMEOUT_S)
        except TimeoutError as error:
            raise LocalError(str(error)) from error
        if code != 0:
            raise LocalError(f"{name} failed: {plain(process.last_telling_line())}")  # noqa: EM102

    def start_exchange(self, settings: Mapping[str, str]) -> None:
        """Start the stand-in exchange, its clock held.

        Args:
            settings: NEXTHOUR_STANDIN_ variables beyond ports and symbols.
        """
        self._folder_is_ours.wait()  # a fresh stack forgets old logs first
        port = self._ports.claim(0, "exchange")
        control_port = self._ports.claim(0, "exchange control")
        process = self.start(
            "exchange",
            ["-m", "exchange"],
            {
                "NEXTHOUR_STANDIN_HOST": HOST,
                "NEXTHOUR_STANDIN_PORT": str(port),
                "NEXTHOUR_STANDIN_CONTROL_PORT": str(control_port),
                "NEXTHOUR_STANDIN_SYMBOLS": self.environment["NEXTHOUR_SYMBOLS"],
                "NEXTHOUR_STANDIN_SPEED": self.environment["NEXTHOUR_SPEED"],
                **settings,
            },
        )
        control_url = f"http://{HOST}:{control_port}"
        process.wait_ready(answers(f"{control_url}/healthz"), 60)
        self.environment.update(
            NEXTHOUR_EXCHANGE_REST_URL=f"http://{HOST}:{port}",
            NEXTHOUR_EXCHANGE_WS_URL=f"ws://{HOST}:{port}",
            NEXTHOUR_EXCHANGE_CONTROL_URL=control_url,
        )

    def start_clock(self) -> None:
        """Let the stand-in exchange's time run."""
        url = self.environment["NEXTHOUR_EXCHANGE_CONTROL_URL"]
        httpx.post(f"{url}/clock/start", timeout=5).raise_for_status()

    def exchange_status(self) -> dict[str, object]:
        """Return the stand-in exchange's own account of itself."""
        url = self.environment["NEXTHOUR_EXCHANGE_CONTROL_URL"]
        answer: dict[str, object] = httpx.get(f"{url}/status", timeout=5).json()
        return answer

    def prepare(self) -> None:
        """Migrate the namespace's schema and make its topics, once the stores are up.

        Raises:
            LocalError: if a topic of other settings or of another venue is in the way.
        """
        with self.settings_environment():
            run, kafka, postgres = RunSettings(), KafkaSettings(), PostgresSettings()
        try:
            prepare(run, kafka, postgres)
        except ProducerError as error:
            raise LocalError(str(error)) from error

    @contextmanager
    def settings_environment(self) -> Iterator[None]:
        """Let settings be read here as the run's own processes read them."""
        with variables_set(self.environment):
            yield

    def start_pipeline(self, launcher: str = "nexthour.launchers.pipeline") -> None:
        """Start a Spark application of the launchers and wait until its queries run."""
        port = self._ports.claim(0, "query metrics")
        process = self.start(
            "spark", ["-m", launcher], {"NEXTHOUR_SUPERVISION_METRICS_PORT": str(port)}
        )
        process.wait_ready(lambda: "queries are running" in process.log_text(), 120)

    def start_producer(self) -> ManagedProcess:
        """Start the producer; it is ready once it publishes or waits for trades."""
        port = self._ports.claim(0, "producer metrics")
        self.environment["NEXTHOUR_PRODUCER_METRICS_PORT"] = str(port)
        process = self.start("producer", ["-m", "producers"])
        process.wait_ready(answers(f"http://{HOST}:{port}/healthz"), 60)
        return process

    def start_lifecycle(self) -> None:
        """Start what trains, tries and promotes models, and simulates the long projection."""
        process = self.start("lifecycle", ["-m", "model.lifecycle"])
        process.wait_ready(lambda: "life cycle runs" in process.log_text(), 60)

    def start_dashboard(self) -> str:
        """Start Streamlit and return its address."""
        wanted = int(os.environ.get("NEXTHOUR_DASHBOARD_PORT", "0"))
        port = self._ports.claim(wanted, "dashboard", "NEXTHOUR_DASHBOARD_PORT")
        process = self.start(
            "dashboard",
            [
                *("-m", "streamlit", "run", "streamlit_app/app.py"),
                *("--server.port", str(port), "--server.address", HOST),
                *("--server.headless", "true", "--browser.gatherUsageStats", "false"),
            ],
        )
        return self._opened("dashboard", process, f"http://{HOST}:{port}", "/_stcore/health")

    def start_api(self) -> str:
        """Start the read API and return its address; it needs the namespace's tables."""
        wanted = int(os.environ.get("NEXTHOUR_API_PORT", "0"))
        port = self._ports.claim(wanted, "read API", "NEXTHOUR_API_PORT")
        variables = {"NEXTHOUR_API_HOST": HOST, "NEXTHOUR_API_PORT": str(port)}
        process = self.start("api", ["-m", "api"], variables)
        return self._opened("api", process, f"http://{HOST}:{port}", "/healthz")

    def _opened(self, name: str, process: ManagedProcess, url: str, health: str) -> str:
        """Wait until a part that people open answers, and note its address."""
        process.wait_ready(answers(f"{url}{health}"), 60)
        self.addresses[name] = url
        self._note()
        return url

    # ---- watching and stopping ---------------------------------------------------------------

    def require_running(self, names: Sequence[str]) -> None:
        """Demand that the named processes still run.

        Raises:
            LocalError: with the last telling line of the one that ended.
        """
        for name in names:
            process = self._processes[name]
            if not process.is_running:
                line = plain(process.last_telling_line())
                message = f"{name} ended by itself (code {process.returncode}): {line}"
                raise LocalError(message)

    def stop_one(self, name: str) -> int | None:
        """Stop one process politely and return its exit code."""
        return self._processes[name].stop()

    def stop(self, on_error: Callable[[str], None] = lambda _: None) -> None:
        """Stop everything, newest first; repeatable, and goes on past a part that resists."""
        self._is_stopping = True
        for name, process in reversed(list(self._processes.items())):
            try:
                process.stop()
            except OSError as error:
                on_error(f"{name}: {error}")
        self.memory.stop()
        self.stack.down()
        self._ports.release()
        remove_note(self.run_dir)


def plain(line: str) -> str:
    """Return the message of a structlog JSON line, or the line itself."""
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return line
    return str(fields.get("event", line)) if isinstance(fields, dict) else line
