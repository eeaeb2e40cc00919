"""What the queries report of themselves: one `job_status` row per query, about once a second.

Polled from the driver's main thread rather than pushed by a listener: reading the last report is one call
into the JVM, while a Python listener turns each report field by field, on the batch's own cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
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


def summarize(progress: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures of a progress report that are worth keeping. Pure.

    Times in ms; `dropped_by_watermark` must be 0 (the filter keeps older rows out), anything else is
    an alarm.
    """
    operators = progress.get("stateOperators") or []
    observed = progress.get("observedMetrics") or {}
    return {
        "batch_id": progress.get("batchId"),
        "batch_ms": (progress.get("durationMs") or {}).get("triggerExecution"),
        "durations_ms": progress.get("durationMs") or {},
        "input_rows": progress.get("numInputRows"),
        "watermark": (progress.get("eventTime") or {}).get("watermark"),
        "state_rows": sum(operator.get("numRowsTotal", 0) for operator in operators),
        "dropped_by_watermark": sum(
            operator.get("numRowsDroppedByWatermark", 0) for operator in operators
        ),
        "observed": {name: row.asDict() for name, row in observed.items()},
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
