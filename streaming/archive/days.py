"""Which days of the archive are closed, and which are older than the retention. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from conf.names import DAY_MS, epoch_ms, utc_date
from conf.settings import ArchiveSettings

MINUTE_MS = 60_000


def closed_days(dates: Iterable[str], now_ms: int, settings: ArchiveSettings) -> list[str]:
    """Return the days that ended at least `compact_after_minutes` ago.

    Args:
        dates: ``YYYY-MM-DD``, UTC.
        now_ms: UTC epoch ms, by the exchange's clock.
        settings: how long to wait.
    """
    wait_ms = int(settings.compact_after_minutes * MINUTE_MS)
    return [date for date in dates if _start_ms(date) + DAY_MS + wait_ms <= now_ms]


def expired_days(dates: Iterable[str], now_ms: int, settings: ArchiveSettings) -> list[str]:
    """Return the days that lie more than `retention_days` before the day of `now_ms`; see above."""
    if settings.retention_days is None:
        return []
    first_kept = utc_date(max(now_ms - settings.retention_days * DAY_MS, 0))
    return [date for date in dates if date < first_kept]


def _start_ms(date: str) -> int:
    return epoch_ms(datetime.fromisoformat(date).replace(tzinfo=UTC))
