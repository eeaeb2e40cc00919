"""What the application knows about its queries, from their reports and from their supervision.

Every committed batch is looked at here, once: rows that the watermark dropped, a balance that does
not add up and a batch whose report never came are told as alarms. The newest state is there for
`job_status`, Prometheus and /healthz. Thread-safe.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from conf.contracts.incidents import IncidentKind
from streaming.progress import Progress, parse_progress, summary

STARTING, RUNNING, RESTARTING, STOPPED, FAILED = (
    "starting",
    "running",
    "restarting",
    "stopped",
    "failed",
)

Check = Callable[[Progress], list[str]]


class Voice(Protocol):
    """What a report needs of `streaming.alarms.Alarms`."""

    def tell(
        self,
        kind: IncidentKind,
        detail: str,
        *,
        started_ms: int | None = None,
        ended_ms: int | None = None,
    ) -> None:
        """Publish an incident."""

    def now_ms(self) -> int:
        """Return the exchange's time."""


@dataclass
class QueryFigures:
    """The newest figures of one query, and sums since the process began. A copy is handed out."""

    name: str
    quiet_s: float
    state: str = STARTING
    reason: str | None = None
    failures: int = 0
    failures_in_row: int = 0
    failed_since_ms: int | None = None
    progress: Progress | None = None
    batches: int = 0
    rows: int = 0
    dropped: int = 0
    imbalances: int = 0
    unreported: int = 0
    alive_at_s: float = 0.0
    observed: Counter[tuple[str, str]] = field(default_factory=Counter)

    def detail(self) -> dict[str, Any]:
        """Return what `job_status` says."""
        figures = summary(self.progress) if self.progress else {}
        sums = {
            "failures": self.failures,
            "dropped_rows": self.dropped,
            "imbalances": self.imbalances,
            "unreported_batches": self.unreported,
            "observed_sums": self._observed_sums(),
        }
        reason = {"reason": self.reason} if self.reason else {}
        return reason | figures | sums

    def _observed_sums(self) -> dict[str, dict[str, int]]:
        sums: dict[str, dict[str, int]] = {}
        for (observation, name), count in self.observed.items():
            sums.setdefault(observation, {})[name] = count
        return sums

    def complaint(self, now_s: float) -> str | None:
        """Return why the query is not healthy, None if it is."""
        if self.state != RUNNING:
            return f"{self.name}: {self.state}" + (f" ({self.reason})" if self.reason else "")
        silent_s = now_s - self.alive_at_s
        if silent_s > self.quiet_s:
            return f"{self.name}: nothing committed for {silent_s:.0f} s"
        return None


class QueryReports:
    """Takes one query's reports and states."""

    def __init__(
        self,
        name: str,
        alarms: Voice,
        clock_s: Callable[[], float],
        *,
        quiet_s: float,
        check: Check | None = None,
    ) -> None:
        """Take whose reports these are.

        Args:
            name: the query.
            alarms: who tells people.
            clock_s: monotonic wall seconds.
            quiet_s: a running query that commits nothing for longer is not healthy.
            check: returns one line for each thing wrong with a committed batch.
        """
        self._alarms = alarms
        self._clock_s = clock_s
        self._check = check
        self._lock = threading.Lock()
        self._figures = QueryFigures(name, quiet_s, alive_at_s=clock_s())
        self._last_batch: int | None = None
        self._version = 0

    def figures(self) -> QueryFigures:
        """Return a copy of the newest figures."""
        with self._lock:
            copy = QueryFigures(**vars(self._figures))
            copy.observed = Counter(self._figures.observed)
            return copy

    @property
    def version(self) -> int:
        """A number that changes whenever there is something new to say."""
        return self._version

    # ---- from supervision -----------------------------------------------------------------------

    def started(self) -> None:
        """Note that a run of the query began."""
        with self._lock:
            self._figures.state = RUNNING
            self._figures.alive_at_s = self._clock_s()
            self._version += 1

    def failed(self, reason: str, failures_in_row: int, wait_s: float) -> None:
        """Tell that a run failed and when the next one begins."""
        since_ms = self._alarms.now_ms()
        with self._lock:
            figures = self._figures
            figures.state, figures.reason = RESTARTING, reason
            figures.failures += 1
            figures.failures_in_row = failures_in_row
            if figures.failed_since_ms is None:
                figures.failed_since_ms = since_ms
            self._version += 1
        detail = f"{reason} (failure {failures_in_row} in a row, next start in {wait_s:.1f} s)"
        self._alarms.tell(IncidentKind.QUERY_FAILED, detail, started_ms=since_ms)

    def ended(self, state: str, reason: str | None = None) -> None:
        """Note that the query will not run again: stopped, or failed for a reason."""
        with self._lock:
            self._figures.state = state
            self._figures.reason = reason
            self._version += 1

    # ---- from Spark -------------------------------------------------------------------------------

    def idle(self) -> None:
        """Note that the query looked for data and found none."""
        with self._lock:
            self._figures.alive_at_s = self._clock_s()

    def take(self, report: str) -> None:
        """Take the report of a committed batch.

        Raises:
            ValueError: if it is none.
        """
        progress = parse_progress(report)
        missed = self._missed_before(progress.batch_id)
        problems = self._check(progress) if self._check else []
        with self._lock:
            failed_since_ms = self._add(progress)
            self._figures.unreported += missed
            self._figures.imbalances += len(problems)
        self._tell(progress, missed, problems)
        if failed_since_ms is not None:
            detail = f"batch {progress.batch_id} is committed"
            now_ms = self._alarms.now_ms()
            self._alarms.tell(
                IncidentKind.QUERY_RECOVERED, detail, started_ms=failed_since_ms, ended_ms=now_ms
            )

    def _missed_before(self, batch_id: int) -> int:
        """Return how many batches were committed without a report since the last one."""
        last, self._last_batch = self._last_batch, batch_id
        return 0 if last is None else max(0, batch_id - last - 1)

    def _add(self, progress: Progress) -> int | None:
        """Add a batch to the figures; return since when the query had failed, if it had."""
        figures = self._figures
        figures.progress = progress
        figures.alive_at_s = self._clock_s()
        figures.batches += 1
        figures.rows += progress.input_rows
        figures.dropped += progress.dropped_by_watermark
        figures.observed.update(_flat(progress.observed))
        failed_since_ms, figures.failed_since_ms = figures.failed_since_ms, None
        if figures.state == RUNNING:
            figures.reason = None
        self._version += 1
        return failed_since_ms

    def _tell(self, progress: Progress, missed: int, problems: list[str]) -> None:
        batch = f"batch {progress.batch_id}"
        if progress.dropped_by_watermark:
            detail = f"{batch}: {progress.dropped_by_watermark} rows dropped by the watermark"
            self._alarms.tell(IncidentKind.ROWS_DROPPED, detail)
        if missed:
            detail = f"{missed} batches before {batch} were never reported: not checked"
            self._alarms.tell(IncidentKind.IMBALANCE, detail)
        for problem in problems:
            self._alarms.tell(IncidentKind.IMBALANCE, f"{batch}: {problem}")


def _flat(observed: Mapping[str, Mapping[str, int]]) -> dict[tuple[str, str], int]:
    return {
        (name, count): value
        for name, counts in observed.items()
        for count, value in counts.items()
        if isinstance(value, int)
    }
