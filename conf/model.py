"""Settings of the model: what it is trained on, how, and how it is judged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

Cell = Literal["lstm", "gru", "bi-lstm"]
"""Of the recurrent layer."""

CELLS: tuple[Cell, ...] = get_args(Cell)


class ModelSettings(BaseSettings):
    """Windows, network, fit and registry. Prefix ``NEXTHOUR_MODEL_``."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_MODEL_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    lead_symbol: str = Field(
        "BTCUSDT", description="Whose returns are a feature of every coin; masked where absent."
    )
    stable_symbols: Annotated[tuple[str, ...], NoDecode] = Field(
        ("USDCUSDT",),
        description="Forecast by a rule of their own: nearly half of their hours do not move.",
    )
    exogenous: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Hourly columns from outside of the market, comma separated: files exogenous/NAME-1h.parquet beside the history (docs/evaluation.md).",
    )
    validation_days_short: int = Field(
        14, ge=1, description="Last days that validate where history is shorter than a year."
    )
    validation_days: int = Field(60, ge=1, description="Last days that validate otherwise.")
    embargo_hours: int = Field(
        48, ge=48, description="Hours dropped before validation: the length of one sequence."
    )
    max_history_days: int = Field(
        120,
        ge=0,
        description="Train on at most so many last days, so that the first model is there in a minute; 0 means all there is.",
    )
    history_wait_s: float = Field(
        0.0,
        ge=0,
        description="Wait so long for the history of every coin, with Spark and TensorFlow starting meanwhile; 0 takes what is there.",
    )
    chunk_hours: int = Field(
        720, ge=24, description="Hours of features that one Spark task makes; lookback comes extra."
    )
    rows_per_group: int = Field(
        3000, ge=500, le=20_000, description="Windows in one Parquet row group: Petastorm's batch."
    )
    batch_size: int = Field(512, ge=16, description="Rows per step of the optimiser.")
    epochs: int = Field(8, ge=1, description="At most so many passes over the training windows.")
    patience: int = Field(3, ge=1, description="Epochs without gain on validation before the end.")
    learning_rate: float = Field(1e-3, gt=0, description="Of AdamW.")
    weight_decay: float = Field(1e-3, ge=0, description="Of AdamW.")
    fit_seconds: float = Field(
        25.0,
        gt=0,
        description="No new epoch starts later than this, in wall seconds; raise it for full training.",
    )
    seed: int = Field(7, ge=0, description="Of weights, dropout and the order of the windows.")
    fits: int = Field(
        1,
        ge=1,
        le=20,
        description="Fits of each member that depends on a seed, from `seed` on; they are averaged.",
    )
    threads: int = Field(2, ge=1, description="Threads of TensorFlow.")
    staging_dir: Path | None = Field(
        None, description="Local folder of staged windows and new models; var/staging if unset."
    )
    keep_snapshots: bool = Field(
        False,
        description="Keep the training windows on S3 beside the registry, some 2 kB a window.",
    )
    snapshot: str | None = Field(
        None,
        pattern="^[0-9a-f]{16}$",
        description="Train on this kept snapshot instead of on the history as it is now.",
    )
    expiry_days: int = Field(
        14, ge=1, description="Days after its last training hour that a model may serve."
    )

    @field_validator("stable_symbols", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().upper() for part in value.split(",") if part.strip())
        return value

    @field_validator("exogenous", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value
