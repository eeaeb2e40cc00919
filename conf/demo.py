"""Settings of `make demo`."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DemoSettings(BaseSettings):
    """The demo's pace. Prefix ``NEXTHOUR_DEMO_``."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_DEMO_", env_file=".env", extra="ignore", frozen=True
    )

    hour_seconds: float = Field(
        20.0, ge=5, description="Wall seconds of one exchange hour; 20 is × 180."
    )
    check_hours: int = Field(4, ge=1, description="Closed hours after which a check stops.")
    check_timeout_s: float = Field(
        240.0, description="Longest wait for those hours once the clock runs."
    )
    history_days: int = Field(100, ge=90, description="Days of hourly history to load.")
    epochs: int = Field(
        6, ge=1, description="Passes of the first training; on 100 days validation gains no more."
    )

    archive_every_s: float = Field(
        20.0,
        gt=0,
        description="Wall seconds between two file sets of the archive; ten minutes of a clock × 180 are three seconds, which would leave the cores nothing else to do.",
    )

    @property
    def speed(self) -> float:
        """Exchange seconds per wall second."""
        return 3600 / self.hour_seconds

    @property
    def archive_minutes(self) -> float:
        """Exchange minutes between two file sets of the archive."""
        return self.archive_every_s * self.speed / 60
