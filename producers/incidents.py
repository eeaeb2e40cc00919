"""Collects what happened to the feed, until it is published. Pure but for its logger and its clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

import structlog

from conf.contracts.incidents import ALARMS, Incident, IncidentKind

log = structlog.get_logger(__name__)


class IncidentLog:
    """The incidents of one producer process.

    Attributes:
        producer: shard that is written into each incident.
        counts: incidents by kind since the start of the process.
    """

    def __init__(self, producer: str, now_ms: Callable[[], int]) -> None:
        """Args: the shard, and the exchange's time in epoch ms."""
        self.producer = producer
        self.counts: Counter[str] = Counter()
        self._now_ms = now_ms
        self._pending: list[Incident] = []

    def report(
        self,
        kind: IncidentKind,
        detail: str,
        *,
        started_ms: int | None = None,
        is_over: bool = False,
        symbol: str | None = None,
    ) -> None:
        """Note an incident that was seen now.

        Args:
            kind: what happened.
            detail: one line for people.
            started_ms: when it began, exchange time; now if None.
            is_over: whether it has ended now.
            symbol: whose series it concerns, if one's.
        """
        now_ms = self._now_ms()
        begun_ms = now_ms if started_ms is None else started_ms
        ended_ms = now_ms if is_over else None
        self.add([Incident(kind, self.producer, begun_ms, ended_ms, symbol, detail=detail)])

    def add(self, incidents: Iterable[Incident]) -> None:
        """Take incidents that others made."""
        for incident in incidents:
            self.counts[incident.kind.value] += 1
            self._pending.append(incident)
            tell = log.warning if incident.kind in ALARMS else log.info
            tell(
                incident.kind.value.replace("_", " "),
                symbol=incident.symbol,
                first_id=incident.first_id,
                last_id=incident.last_id,
                detail=incident.detail,
            )

    def take(self) -> list[Incident]:
        """Return what was not published yet, oldest first."""
        pending, self._pending = self._pending, []
        return pending
