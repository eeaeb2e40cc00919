"""Settings of loading history (`python -m streaming.history`, `nexthour backfill`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class HistorySettings(BaseSettings):
    """How the exchange's past is loaded. Prefix ``NEXTHOUR_HISTORY_``."""

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
    dumps_url: str = Field(
        "https://data.binance.vision",
        pattern="^https?://",
        description="Host of the exchange's public dumps, or a mirror of it.",
    )
    dumps_parallel: int = Field(8, ge=1, le=32, description="Requests for dumps under way at once.")
    dumps_timeout_s: float = Field(30.0, gt=0, description="Bound on one request for a dump.")
    dumps_attempts: int = Field(
        5, ge=1, description="Attempts for one file before the backfill stops."
    )
    symbols_parallel: int = Field(
        4, ge=1, le=32, description="Symbols that a backfill loads side by side."
    )
