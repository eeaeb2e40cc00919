"""What a sequencer asks of REST, from where it starts, its bounds and its counts. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class FetchTrades:
    """Ask REST for the trades ``[first_id, last_id]``, at most `PAGE`."""

    first_id: int
    last_id: int


@dataclass(frozen=True, slots=True)
class FetchKlines:
    """Ask REST for the hours from `open_time_ms` on, and for the first id from there if `needs_first`."""

    open_time_ms: int
    needs_first: bool


@dataclass(frozen=True, slots=True)
class FetchTail:
    """Ask REST whether it has a trade from id `next_id` on."""

    next_id: int


@dataclass(frozen=True, slots=True)
class FindStart:
    """Ask REST where the running hour begins."""

    seen_id: int | None


Request = FetchTrades | FetchKlines | FetchTail | FindStart


@dataclass(frozen=True, slots=True)
class Start:
    """From where a series goes on.

    Attributes:
        last_id: the id before the first one to publish.
        last_time_ms: trade time of `last_id`, or the open time of the first hour.
        next_hour_ms: earliest hour that is not closed.
        expected_first: first id of that hour if known.
        begins_at_id: set if the series begins inside that hour.
        skip_before_ms: trades before this are of no published hour (first start only).
    """

    last_id: int
    last_time_ms: int
    next_hour_ms: int
    expected_first: int | None
    begins_at_id: int | None = None
    skip_before_ms: int = 0
    absent: tuple[tuple[int, int, int], ...] = ()  # (hour, first and last id that never existed)


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds and waits; seconds are wall time, `kline_grace_ms` and `rest_lag_ms` exchange time.

    `producer` is the shard that incidents name.
    """

    hold_limit: int = 20_000
    fill_grace_s: float = 0.05
    fill_deadline_s: float = 30.0
    kline_grace_ms: float = 3_000.0
    retry_base_s: float = 0.2
    retry_cap_s: float = 5.0
    rest_lag_ms: float = 0.0
    producer: str = "1/1"


class RetryWait:
    """When to ask REST again after answers that did not help: doubling, bounded."""

    def __init__(self, policy: Policy) -> None:
        self._base_s, self._cap_s = policy.retry_base_s, policy.retry_cap_s
        self.reset()

    def reset(self) -> None:
        """Ask at once, and begin with the shortest wait."""
        self._until_s, self._step_s = 0.0, self._base_s

    def back_off(self, now_s: float) -> None:
        """Wait from `now_s` on, twice as long as the last time."""
        self._until_s = now_s + self._step_s
        self._step_s = min(self._step_s * 2, self._cap_s)

    def is_over(self, now_s: float) -> bool:
        """Tell whether the wait is over."""
        return now_s >= self._until_s


@dataclass(slots=True)
class Counts:
    """What happened to trades of one symbol since the start of the process."""

    received: int = 0
    published: int = 0
    reordered: int = 0
    from_rest: int = 0
    duplicates: int = 0
    not_held: int = 0
    skipped: int = 0
    gaps_filled: int = 0
    gap_ids: int = 0
    gaps_by_reason: dict[str, int] = field(default_factory=dict)
