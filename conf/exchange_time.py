"""What time it is on the exchange, told from the rows that its data left behind. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

FRESH_S = 15.0
SLOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Sighting:
    """The exchange's time was at least `exchange` when the wall clock showed `wall`."""

    exchange: datetime
    wall: datetime


def exchange_now(
    sightings: Sequence[Sighting], wall_now: datetime, speed: float, data_age: timedelta | None
) -> datetime | None:
    """Estimate the exchange's time now as the latest of the sightings, each moved on by the speed.

    Each sighting was written a little after its exchange time, so that each gives a lower bound
    and the largest is the best. Once the newest row is stale (`data_age`, wall time) they say
    nothing any more: the run may have ended or the exchange may stand still. None then.
    """
    if freshness(data_age) not in {"fresh", "slow"}:
        return None
    estimates = [sighting.exchange + (wall_now - sighting.wall) * speed for sighting in sightings]
    return max(estimates, default=None)


def time_to_close(target_open: datetime, now: datetime | None) -> timedelta | None:
    """Return exchange time until the hour that opened at `target_open` closes; never below zero."""
    if now is None:
        return None
    return max(timedelta(0), target_open + timedelta(hours=1) - now)


def freshness(age: timedelta | None) -> str:
    """Return 'fresh', 'slow', 'stale' or 'none' for the wall age of the newest row."""
    if age is None:
        return "none"
    seconds = age.total_seconds()
    return "fresh" if seconds <= FRESH_S else "slow" if seconds <= SLOW_S else "stale"
