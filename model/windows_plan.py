"""Which hours become windows, and which of them validate. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Any

import orjson

from conf.model import ModelSettings
from conf.names import DAY_HOURS, HOUR_MS
from model.features import VOLATILITY_HOURS, FeatureSpec

SHORT_HISTORY_DAYS = 365
PARTS = ("volatile-train", "volatile-validation", "stable-train", "stable-validation")


@dataclass(frozen=True)
class WindowsPlan:
    """Bounds of a snapshot of windows; all UTC epoch ms of open times.

    Attributes:
        first_ms: first hour that may have a window.
        last_ms: last hour of history; it has no next close yet, hence no window.
        train_until_ms: first hour that does not train any more (embargo).
        validation_from_ms: first hour that validates.
        chunk_hours: hours of one Spark task.
        is_short: the history is shorter than a year.
    """

    first_ms: int
    last_ms: int
    train_until_ms: int
    validation_from_ms: int
    chunk_hours: int
    is_short: bool

    @property
    def chunks(self) -> int:
        """Number of chunks."""
        return (self.last_ms - self.first_ms) // (self.chunk_hours * HOUR_MS) + 1

    def chunk_hours_ms(self, chunk: int) -> list[int]:
        """Return the open times of a chunk's hours."""
        start = self.first_ms + chunk * self.chunk_hours * HOUR_MS
        stop = min(start + self.chunk_hours * HOUR_MS, self.last_ms + HOUR_MS)
        return list(range(start, stop, HOUR_MS))

    def split(self, open_time_ms: int) -> str | None:
        """Return 'train', 'validation' or None (embargo) for an hour."""
        if open_time_ms >= self.validation_from_ms:
            return "validation"
        return "train" if open_time_ms < self.train_until_ms else None


def plan_windows(first_ms: int, last_ms: int, settings: ModelSettings) -> WindowsPlan:
    """Return the plan for a history from `first_ms` to `last_ms` (open times, UTC epoch ms).

    Raises:
        ValueError: if the history is too short to train and validate on.
    """
    if settings.max_history_days:
        first_ms = max(first_ms, last_ms - settings.max_history_days * DAY_HOURS * HOUR_MS)
    days = (last_ms - first_ms) / (DAY_HOURS * HOUR_MS)
    short = days < SHORT_HISTORY_DAYS
    validate = settings.validation_days_short if short else settings.validation_days
    validation_from = last_ms - (validate * DAY_HOURS - 1) * HOUR_MS
    train_until = validation_from - settings.embargo_hours * HOUR_MS
    needed = validate + (settings.embargo_hours + VOLATILITY_HOURS + 10 * DAY_HOURS) // DAY_HOURS
    if days < needed:
        message = (
            f"history of {days:.0f} days is too short: {needed} days train and validate a model"
        )
        raise ValueError(message)
    return WindowsPlan(
        first_ms, last_ms, train_until, validation_from, settings.chunk_hours, is_short=short
    )


def manifest_hash(inputs: list[dict[str, Any]], spec: FeatureSpec, plan: WindowsPlan) -> str:
    """Return 16 hex characters that name a snapshot: equal inputs and meaning, equal name."""
    body = {"inputs": inputs, "spec": spec.to_dict(), "plan": asdict(plan)}
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
