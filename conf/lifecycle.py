"""Settings of the life cycle: when models are trained, tried, promoted, rolled back and removed."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LifecycleSettings(BaseSettings):
    """When a version comes and goes. Prefix ``NEXTHOUR_LIFECYCLE_``. Hours are exchange time."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_LIFECYCLE_", env_file=".env", extra="ignore", frozen=True
    )

    is_enabled: bool = Field(True, description="Train and decide at all; else only a person does.")
    retrain_every_hours: int = Field(
        24,
        ge=1,
        description="From the last training hour of the newest version to the next training.",
    )
    drift_spacing_hours: int = Field(
        24, ge=1, description="Drift asks for a training at most so often."
    )
    shadow_hours: int = Field(
        48,
        ge=1,
        description="Hours that a challenger says beside the champion before it may serve.",
    )
    young_hours: int = Field(
        168,
        ge=0,
        description="A champion younger than this is replaced only by a better one; an older one also by an equal one.",
    )
    rollback_hours: int = Field(168, ge=24, description="Window of the rollback's comparison.")
    rollback_min_hours: int = Field(
        72, ge=12, description="Scored hours below which nothing is rolled back for its losses."
    )
    rollback_excess: float = Field(
        0.05,
        gt=0,
        description="A champion whose pinball loss is by this share above that of the last close with EWMA bands is rolled back.",
    )
    rollback_gross_excess: float = Field(
        0.3,
        gt=0,
        description="A champion that is so far above it (four standard deviations of the mean of twelve hours) is rolled back without waiting for that many hours.",
    )
    rollback_gross_min_hours: int = Field(
        12, ge=6, description="Scored hours below which not even gross harm rolls back."
    )
    keep_versions: int = Field(
        5, ge=3, description="Newest versions that are kept, beside those that an alias names."
    )
    poll_s: float = Field(5.0, gt=0, description="Wall seconds between two looks.")
    training_timeout_s: float = Field(
        7200.0, gt=0, description="Wall seconds after which a training is ended as failed."
    )
    niceness: int = Field(19, ge=0, le=19, description="Of the training process.")
    drift_every_hours: int = Field(6, ge=1, description="Between two looks at drift.")
    drift_window_hours: int = Field(
        168, ge=24, description="Newest hours whose inputs are compared with those of training."
    )
