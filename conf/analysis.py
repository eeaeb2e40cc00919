"""Settings of the daily analysis of the hourly candles (`python -m streaming.analysis`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AnalysisSettings(BaseSettings):
    """When the analysis runs beside the queries, and how. Prefix ``NEXTHOUR_ANALYSIS_``."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_ANALYSIS_", env_file=".env", extra="ignore", frozen=True
    )

    is_enabled: bool = Field(
        True, description="Run daily beside the queries; by hand it always runs."
    )
    poll_s: float = Field(5.0, gt=0, description="Wall seconds between two looks for a closed day.")
    partitions: int = Field(
        16,
        ge=1,
        description="Tasks of a stage. Many, so that each is short: a closing hour takes the next free core, and never waits for more than one of them.",
    )
