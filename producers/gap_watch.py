"""Tells the story of one symbol's holes and hours as incidents. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from conf.contracts.incidents import Incident, IncidentKind
from conf.contracts.trades import NEVER_EXISTED
from conf.names import HOUR_MS


@dataclass(slots=True)
class _Gap:
    first_id: int
    last_id: int
    found_ms: int


class GapWatch:
    """The incidents of one symbol.

    Attributes:
        pending: what was not taken yet, oldest first.
    """

    def __init__(self, symbol: str, producer: str) -> None:
        self.pending: list[Incident] = []
        self._symbol = symbol
        self._producer = producer
        self._gap: _Gap | None = None

    @property
    def is_open(self) -> bool:
        """Whether a hole was found and neither filled nor declared."""
        return self._gap is not None

    def found(self, first_id: int, last_id: int, now_ms: int) -> None:
        """Note the hole that REST is asked for; asked again, it may reach further."""
        if self._gap is None:
            self._gap = _Gap(first_id, last_id, now_ms)
            self._add(IncidentKind.GAP_FOUND, now_ms, None, first_id, last_id)
        self._gap.last_id = max(self._gap.last_id, last_id)

    def filled(self, now_ms: int) -> None:
        """Note that the hole is filled."""
        gap, self._gap = self._gap, None
        if gap is not None:
            text = f"{gap.last_id - gap.first_id + 1} ids from REST"
            self._add(
                IncidentKind.GAP_FILLED, gap.found_ms, now_ms, gap.first_id, gap.last_id, text
            )

    def declared(self, first_id: int, last_id: int, reason: str, now_ms: int) -> None:
        """Note that ids were declared by a GAP record."""
        begun_ms = now_ms if self._gap is None else self._gap.found_ms
        self._gap = None
        is_absent = reason.startswith(NEVER_EXISTED)
        kind = IncidentKind.NEVER_EXISTED if is_absent else IncidentKind.GAP_DECLARED
        self._add(kind, begun_ms, now_ms, first_id, last_id, reason)

    def halted(self, open_time_ms: int) -> None:
        """Note an hour without a kline."""
        end_ms = open_time_ms + HOUR_MS
        self._add(IncidentKind.HALTED, open_time_ms, end_ms, None, None, "no kline for this hour")

    def disputed(self, open_time_ms: int) -> None:
        """Note an hour of which REST's kline contradicts the trades, however often it is asked."""
        text = "REST's kline contradicts the trades"
        end_ms = open_time_ms + HOUR_MS
        self._add(IncidentKind.WITNESS_DISPUTED, open_time_ms, end_ms, None, None, text)

    def take(self) -> list[Incident]:
        """Return the incidents since the last call."""
        pending, self.pending = self.pending, []
        return pending

    def _add(
        self,
        kind: IncidentKind,
        started_ms: int,
        ended_ms: int | None,
        first_id: int | None,
        last_id: int | None,
        detail: str = "",
    ) -> None:
        self.pending.append(
            Incident(
                kind, self._producer, started_ms, ended_ms, self._symbol, first_id, last_id, detail
            )
        )
