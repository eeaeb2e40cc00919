"""Settings of the history job (`python -m streaming.history`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class HistorySettings(BaseSettings):
    """How much of the exchange's past is loaded. Prefix ``NEXTHOUR_HISTORY_``."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_HISTORY_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    days: int = Field(
        100,
        ge=1,
        le=3660,
        description="Days of hourly klines before now; training needs 90 or more.",
    )
    concurrency: int = Field(
        8, ge=1, le=32, description="REST requests under way at once; each has weight 2."
    )
