"""Does every record that a batch read show up in its candles? Pure.

Per batch: rows of the source = `read` = trades + closes + gaps + rejected, by the observed counts; and the
hours' own counts (`records`) grow by exactly trades + closes + gaps.

What is not checked: an hour that is met for the first time after a restart. How many records its state
held is not known here, so for a batch with such hours the growth is bounded, not exact. A checkpoint
that is read from its first batch has no such hours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conf.names import HOUR_MS
from streaming.candles.hours import KEPT, OBSERVATION, READ
from streaming.candles.revisions import HourKey
from streaming.progress import Progress
from streaming.trades.predicate import REASONS

DEFAULT_KEEP_DAYS = 8
# Reports follow their batch within a second; a lost one must not be remembered for ever.
_MOST_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Growth:
    """By how many records the hours of a batch grew.

    Attributes:
        known: growth of hours whose earlier count is known.
        unknown: whole count of the others, which bounds their growth.
        fallen: hours that hold fewer records than before.
    """

    known: int
    unknown: int
    fallen: int


class CandleBalance:
    """Compares what the sink of the candles query saw with what Spark reports of the same batch."""

    def __init__(self, keep_days: int = DEFAULT_KEEP_DAYS) -> None:
        """Take for how many days an hour's count is remembered: longer than its state lives."""
        self._keep_ms = keep_days * 24 * HOUR_MS
        self._records: dict[HourKey, int] = {}
        self._newest_ms = 0
        self._is_from_the_start = False
        self._growth: dict[int, Growth] = {}

    def restart(self) -> None:
        """Forget the hours' counts: a run of the query begins, and repeats a batch or part of one."""
        self._records.clear()
        self._newest_ms = 0
        self._is_from_the_start = False

    def stored(self, batch_id: int, records: Mapping[HourKey, int]) -> None:
        """Take the records of each hour of a batch, as aggregated: all of the hour so far."""
        if batch_id == 0:
            self._is_from_the_start = True  # no hour has any state yet
        known = unknown = fallen = 0
        for key, count in records.items():
            before = self._records.get(key)
            if before is None and not self._is_from_the_start:
                unknown += count
            else:
                known += count - (before or 0)
                fallen += count < (before or 0)
            self._records[key] = count
        self._forget_old(records)
        if len(self._growth) >= _MOST_WAITING:
            self._growth.pop(min(self._growth))
        self._growth[batch_id] = Growth(known, unknown, fallen)

    def problems(self, progress: Progress) -> list[str]:
        """Return one line per equation that a committed batch does not fulfil."""
        growth = self._growth.pop(progress.batch_id, None)
        counts = progress.observed.get(OBSERVATION)
        if counts is None:
            return [f"{progress.input_rows} rows read, none counted"] if progress.input_rows else []
        kept = sum(counts.get(name, 0) for name in KEPT)
        lines = _observed(progress.input_rows, counts, kept)
        if growth is None:
            return [*lines, f"{kept} records kept, the sink saw no batch"] if kept else lines
        return lines + _grown(kept, growth)

    def _forget_old(self, records: Mapping[HourKey, int]) -> None:
        newest_ms = max((open_ms for _, open_ms in records), default=0)
        if newest_ms <= self._newest_ms:
            return
        self._newest_ms = newest_ms
        oldest_ms = newest_ms - self._keep_ms
        self._records = {key: n for key, n in self._records.items() if key[1] >= oldest_ms}


def _observed(input_rows: int, counts: Mapping[str, int], kept: int) -> list[str]:
    read = counts.get(READ, 0)
    rejected = sum(counts.get(reason, 0) for reason in REASONS)
    lines = []
    if read != input_rows:
        lines.append(f"the source gave {input_rows} rows, {read} were read")
    if read != kept + rejected:
        lines.append(f"{read} read, but {kept} kept and {rejected} rejected")
    return lines


def _grown(kept: int, growth: Growth) -> list[str]:
    lines = []
    if not growth.known <= kept <= growth.known + growth.unknown:
        lines.append(f"{kept} records kept, but the hours grew by {growth.known}")
    if growth.fallen:
        lines.append(f"{growth.fallen} hours hold fewer records than before")
    return lines
