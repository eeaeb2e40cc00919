"""What Postgres says of versions and of what their forecasts were worth; and the events that it is told.

Guarantee: an event and the statuses that it changes are one transaction. The registry's aliases are
the truth; statuses that differ from them after a crash are set right by `align`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson
from psycopg2.extras import Json

from conf.names import epoch_ms, utc_time
from model.lifecycle import gate
from model.lifecycle.drift import Recent
from model.lifecycle.standing import SERVING, Record, Version

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

MANY_TIMEOUTS = 3
"""Hours without an answer in time that count as the model's fault; fewer may be the machine's."""

MAX_MEDIAN = 0.5
"""Sigmas that a median may be away from the last close."""

_VERSIONS = "SELECT version, status, manifest FROM model_version WHERE status <> 'retired' ORDER BY created_at, version"
_SERVED_SINCE = "SELECT min(issued_at) FROM forecast_run WHERE kind = 'live' AND model_version = %s"
_RECORD = """
SELECT count(DISTINCT s.target_open_time), coalesce(sum(s.pinball), 0), coalesce(sum(s.naive_pinball), 0)
FROM forecast_score_current s
WHERE s.kind = %(kind)s AND s.model_version = %(version)s AND s.target_open_time >= %(since)s
  AND s.pinball IS NOT NULL AND NOT s.is_fallback AND NOT s.symbol = ANY(%(stable)s)
"""
_BESIDE = """
SELECT count(DISTINCT s.target_open_time), coalesce(sum(s.pinball), 0), coalesce(sum(s.naive_pinball), 0)
FROM forecast_score_current s
JOIN forecast_score_current o ON o.symbol = s.symbol AND o.target_open_time = s.target_open_time
     AND o.kind = 'shadow' AND o.model_version = %(version)s AND o.pinball IS NOT NULL
WHERE s.kind = 'live' AND s.pinball IS NOT NULL AND NOT s.is_fallback AND NOT s.symbol = ANY(%(stable)s)
"""
_FAULTS = """
SELECT count(DISTINCT target_open_time),
       count(*) FILTER (WHERE refusal_reason LIKE 'model failed:%%'
                        AND refusal_reason NOT LIKE 'model failed: TimeoutError%%'),
       count(DISTINCT target_open_time) FILTER (WHERE refusal_reason LIKE 'model failed: TimeoutError%%'),
       count(*) FILTER (WHERE abs(raw_z[(array_length(raw_z, 1) + 1) / 2]) > %(limit)s
                        AND NOT symbol = ANY(%(stable)s))
FROM forecast
WHERE kind = %(kind)s AND model_version = %(version)s AND target_open_time >= %(since)s
"""
_RECENT = """
SELECT target_open_time, avg(naive_pinball - pinball), avg(in_band_90::int)
FROM forecast_score_current
WHERE kind = 'live' AND pinball IS NOT NULL AND NOT is_fallback AND NOT symbol = ANY(%(stable)s)
  AND target_open_time >= %(since)s
GROUP BY target_open_time ORDER BY target_open_time
"""
_ALPHAS = """
SELECT DISTINCT ON (symbol) symbol, alphas[1] FROM forecast
WHERE kind = 'live' AND alphas IS NOT NULL AND target_open_time >= %(since)s
ORDER BY symbol, target_open_time DESC
"""
_NEWEST_HOUR = "SELECT max(open_time) FROM candle WHERE interval = '1h' AND status = 'final'"


class LifecycleLedger:
    """The life cycle's view of Postgres.

    Args:
        connection: gives an open connection in autocommit mode.
        stable: coins that count in no comparison.
    """

    def __init__(self, connection: Callable[[], Connection], stable: Sequence[str]) -> None:
        self._connection = connection
        self._stable = list(stable)

    def versions(self) -> tuple[Version, ...]:
        """Return all versions that are not retired, oldest first."""
        return tuple(
            Version(
                name=name,
                status=status,
                known_until_ms=int(manifest["validation_until_ms"]),
                expires_ms=int(manifest["expires_ms"]),
                is_bootstrap=bool(manifest["is_short_history"]),
                faults=gate.faults(manifest),
                is_better=gate.is_better(manifest),
            )
            for name, status, manifest in self._rows(_VERSIONS)
        )

    def served_since_ms(self, version: str) -> int | None:
        """Return the exchange time of a version's first live forecast."""
        ((first,),) = self._rows(_SERVED_SINCE, (version,))
        return epoch_ms(first) if first else None

    def newest_hour_ms(self) -> int | None:
        """Return the open time of the newest final candle, None without any."""
        ((newest,),) = self._rows(_NEWEST_HOUR)
        return epoch_ms(newest) if newest else None

    def record(self, kind: str, version: str, since_ms: int) -> Record:
        """Return what a version's forecasts of a kind have been worth since a target hour."""
        where = {
            "kind": kind,
            "version": version,
            "since": utc_time(since_ms),
            "stable": self._stable,
            "limit": MAX_MEDIAN,
        }
        ((hours, pinball, naive),) = self._rows(_RECORD, where)
        ((runs, faults, timeouts, insane),) = self._rows(_FAULTS, where)
        failures = faults + (timeouts if timeouts >= MANY_TIMEOUTS else 0)
        return Record(hours, pinball, naive, runs, failures, insane)

    def beside(self, version: str) -> Record:
        """Return what the live forecasts of a shadow version's hours and coins have been worth."""
        ((hours, pinball, naive),) = self._rows(
            _BESIDE, {"version": version, "stable": self._stable}
        )
        return Record(hours, pinball, naive)

    def recent(self, since_ms: int) -> Recent:
        """Return the live skill and calibration since a target hour."""
        where = {"since": utc_time(since_ms), "stable": self._stable}
        hours = self._rows(_RECENT, where)
        alphas = {symbol: float(alpha) for symbol, alpha in self._rows(_ALPHAS, where)}
        return Recent(
            tuple(float(saved) for _, saved, _ in hours),
            tuple(float(share) for _, _, share in hours),
            {symbol: alpha for symbol, alpha in alphas.items() if symbol not in self._stable},
        )

    def tell(
        self,
        kind: str,
        version: str | None,
        reason: str,
        at_ms: int,
        statuses: Mapping[str, str] | None = None,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Record an event and the statuses that it changes.

        Args:
            kind: `trained`, `shadow`, `promoted`, `rejected`, `rolled_back`, `retired`, `drift`, `failed`.
            version: which it is about.
            reason: one line.
            at_ms: exchange time, UTC epoch ms.
            statuses: new status by version.
            detail: more, as JSON.
        """
        document = Json(dict(detail or {}), dumps=lambda value: orjson.dumps(value).decode())
        with self._connection() as connection, connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO model_event (happened_at, kind, model_version, reason, detail) "
                "VALUES (%s, %s, %s, %s, %s)",
                (utc_time(at_ms), kind, version, reason, document),
            )
            for name, status in (statuses or {}).items():
                cursor.execute(
                    "UPDATE model_version SET status = %s WHERE version = %s", (status, name)
                )

    def align(self, champion: tuple[str, str] | None, shadow: str | None) -> None:
        """Set the statuses right that differ from the aliases, as after a crash between the two.

        Args:
            champion: version and status that the alias names, None if it names nothing.
            shadow: version that the other alias names.
        """
        statuses = {
            name: status
            for name, old, _ in self._rows(_VERSIONS)
            if (status := _status_by_alias(name, old, champion, shadow)) != old
        }
        if statuses:
            with self._connection() as connection, connection.cursor() as cursor:
                for name, status in statuses.items():
                    cursor.execute(
                        "UPDATE model_version SET status = %s WHERE version = %s", (status, name)
                    )

    def last_event_ms(self, kind: str) -> int | None:
        """Return the exchange time of the newest event of a kind."""
        ((newest,),) = self._rows(
            "SELECT max(happened_at) FROM model_event WHERE kind = %s", (kind,)
        )
        return epoch_ms(newest) if isinstance(newest, datetime) else None

    def _rows(self, statement: str, where: Any = None) -> list[tuple[Any, ...]]:
        with self._connection().cursor() as cursor:
            cursor.execute(statement, where)
            return cursor.fetchall()


def _status_by_alias(
    name: str, status: str, champion: tuple[str, str] | None, shadow: str | None
) -> str:
    if champion is not None and name == champion[0]:
        return champion[1]
    if name == shadow:
        return "shadow"
    if status in SERVING:
        return "previous"
    return "rejected" if status == "shadow" else status
