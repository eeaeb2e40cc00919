"""What the queries report of themselves: a batch's progress report, and a `job_status` row per query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import psycopg2
import structlog
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

log = structlog.get_logger(__name__)

UPSERT = """
INSERT INTO job_status (job, state, detail) VALUES (%s, %s, %s)
ON CONFLICT (job) DO UPDATE
SET state = EXCLUDED.state, detail = EXCLUDED.detail, updated_at = clock_timestamp()
"""


@dataclass(frozen=True)
class Progress:
    """A batch that has been committed, as Spark reports it. Times in ms.

    Attributes:
        batch_id: number of the batch in its checkpoint.
        run_id: one start of the query.
        input_rows: what the sources gave.
        durations_ms: `triggerExecution` is the whole batch, the others its parts.
        watermark: as Spark writes it, ISO 8601; None without one.
        lag: records per topic that the brokers had beyond the batch's end.
        state_rows: rows of all state operators.
        state_bytes: memory that they take.
        dropped_by_watermark: rows that came too late for the state; anything but 0 is an alarm.
        rows_per_s: processed rows per second of the batch.
        observed: counts by observation and name.
    """

    batch_id: int
    run_id: str = ""
    input_rows: int = 0
    durations_ms: Mapping[str, int] = field(default_factory=dict)
    watermark: str | None = None
    lag: Mapping[str, int] = field(default_factory=dict)
    state_rows: int = 0
    state_bytes: int = 0
    dropped_by_watermark: int = 0
    rows_per_s: float = 0.0
    observed: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def watermark_s(self) -> float | None:
        """The watermark as UTC epoch seconds."""
        return datetime.fromisoformat(self.watermark).timestamp() if self.watermark else None


def parse_progress(report: bytes | str) -> Progress:
    """Return the figures of a progress report that are worth keeping. Pure.

    Args:
        report: `StreamingQueryProgress.json`.

    Raises:
        ValueError: if it is no such report.
    """
    try:
        fields = orjson.loads(report)
        operators = fields.get("stateOperators") or []
        return Progress(
            batch_id=int(fields["batchId"]),
            run_id=str(fields.get("runId", "")),
            input_rows=int(fields.get("numInputRows") or 0),
            durations_ms=fields.get("durationMs") or {},
            watermark=(fields.get("eventTime") or {}).get("watermark"),
            lag=_lag(fields.get("sources") or []),
            state_rows=sum(one.get("numRowsTotal", 0) for one in operators),
            state_bytes=sum(one.get("memoryUsedBytes", 0) for one in operators),
            dropped_by_watermark=sum(one.get("numRowsDroppedByWatermark", 0) for one in operators),
            rows_per_s=float(fields.get("processedRowsPerSecond") or 0.0),
            observed=fields.get("observedMetrics") or {},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"no progress report: {error!r}"
        raise ValueError(message) from error


def _lag(sources: list[Mapping[str, Any]]) -> dict[str, int]:
    """Return latest minus end offset, summed over partitions, of each source that has topics."""
    lag: dict[str, int] = {}
    for source in sources:
        latest, end = source.get("latestOffset"), source.get("endOffset")
        if not isinstance(latest, dict) or not isinstance(end, dict):
            continue
        for topic, partitions in latest.items():
            done = end.get(topic) or {}
            behind = (offset - done.get(number, 0) for number, offset in partitions.items())
            lag[topic] = lag.get(topic, 0) + sum(max(0, records) for records in behind)
    return lag


def summary(progress: Progress) -> dict[str, Any]:
    """Return what `job_status` says of a batch. Pure."""
    return {
        "batch_id": progress.batch_id,
        "batch_ms": progress.durations_ms.get("triggerExecution"),
        "durations_ms": dict(progress.durations_ms),
        "input_rows": progress.input_rows,
        "rows_per_s": round(progress.rows_per_s, 1),
        "lag": dict(progress.lag),
        "watermark": progress.watermark,
        "state_rows": progress.state_rows,
        "state_bytes": progress.state_bytes,
        "dropped_by_watermark": progress.dropped_by_watermark,
        "observed": {name: dict(counts) for name, counts in progress.observed.items()},
    }


class JobStatus:
    """Writes `job_status`. Not vital: a failure is logged once and tried again at the next report."""

    def __init__(self, connect: Callable[[], Connection]) -> None:
        """Take a function that opens a connection; none is opened yet."""
        self._connect = connect
        self._connection: Connection | None = None
        self._is_failing = False

    def write(self, job: str, state: str, detail: Mapping[str, Any]) -> None:
        """Upsert a query's row."""
        text = orjson.dumps(detail).decode()
        try:
            if self._connection is None:
                self._connection = self._connect()
            with self._connection, self._connection.cursor() as cursor:
                cursor.execute(UPSERT, (job, state, text))
            self._is_failing = False
        except psycopg2.Error as error:
            if not self._is_failing:
                log.warning("job_status_not_written", error=str(error).strip())
            self._is_failing = True
            self.close()

    def close(self) -> None:
        """Close the connection, if one is open."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
