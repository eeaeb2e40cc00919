"""Settings of the stand-in exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from conf.names import HOUR_MS, epoch_ms
from conf.settings import DEFAULT_SYMBOLS

CAPTURE_SPEED = 60.0


class StandInSettings(BaseSettings):
    """What the stand-in exchange lists, remembers and streams. Prefix ``NEXTHOUR_STANDIN_``."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_STANDIN_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    host: str = Field("127.0.0.1", description="Address that both ports listen on.")
    port: int = Field(8600, ge=0, le=65535, description="REST and streams; 0 takes a free port.")
    control_port: int = Field(
        8601, ge=0, le=65535, description="Clock, oracle and faults; 0 takes a free port."
    )
    seed: int = Field(1, ge=0, description="The same seed and settings give the same trades.")
    symbols: Annotated[tuple[str, ...], NoDecode] = Field(
        DEFAULT_SYMBOLS, description="Listed symbols, comma separated in the environment."
    )
    speed: float = Field(
        180.0,
        gt=0,
        description="Exchange seconds per wall second. Unset, a capture runs at 60.",
    )
    start: datetime = Field(
        datetime(2026, 1, 1, tzinfo=UTC),
        description="Hour at which live trading starts (ISO, UTC); not used for a capture, nor after recorded history unless live_from_history is set.",
    )
    history_hours: int = Field(
        24 * 97, ge=1, description="Hours of synthetic past before the start: 90 days and a week."
    )
    hold: bool = Field(False, description="The clock stands still until POST /clock/start.")
    trades_per_hour: int = Field(
        4_000, ge=1, description="Mean of all symbols together, per exchange hour."
    )
    signal: bool = Field(
        True, description="Whether the sign reversal of the real market is in the synthetic prices."
    )
    quiet_hours: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Live hours without a trade, as SYMBOL:N (N hours after the start), comma separated.",
    )
    halted_hours: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="Live hours of maintenance without a kline, as SYMBOL:N or *:N."
    )
    history_dir: Path | None = Field(
        None, description="Folder of SYMBOL-1h.parquet files: the exchange's recorded past."
    )
    live_from_history: bool = Field(
        False, description="Stream the recorded hours from `start` on, instead of synthetic ones."
    )
    capture: Path | None = Field(
        None, description="File of combined-stream messages, one JSON a line, plain or gzip."
    )
    ping_interval_s: float = Field(20.0, gt=0, description="Wall seconds between pings.")
    pong_timeout_s: float = Field(60.0, gt=0, description="A client silent for longer is cut.")
    kline_interval_s: float = Field(
        2.0, gt=0, description="Wall seconds between updates of an open kline."
    )
    incoming_per_s: int = Field(
        5, ge=1, description="Frames a client may send in any second before close code 1008."
    )
    client_buffer_bytes: int = Field(
        16 * 2**20, ge=2**16, description="Unsent bytes at which a slow client is cut."
    )
    weight_limit: int = Field(6_000, ge=1, description="REST weight per wall minute and address.")

    @field_validator("symbols", "quiet_hours", "halted_hours", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().upper() for part in value.split(",") if part.strip())
        return value

    @field_validator("start")
    @classmethod
    def _whole_hour(cls, value: datetime) -> datetime:
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        if epoch_ms(aware) % HOUR_MS:
            message = f"start must be a full hour, not {aware.isoformat()}"
            raise ValueError(message)
        return aware

    @model_validator(mode="after")
    def _one_source(self) -> StandInSettings:
        if self.capture and self.history_dir:
            message = "set capture or history_dir, not both"
            raise ValueError(message)
        if self.live_from_history and not self.history_dir:
            message = "live_from_history needs history_dir"
            raise ValueError(message)
        return self

    @property
    def start_ms(self) -> int:
        """The start as UTC epoch ms."""
        return epoch_ms(self.start)

    @property
    def clock_speed(self) -> float:
        """The speed in force: a capture runs at 60 unless a speed was set."""
        if self.capture and "speed" not in self.model_fields_set:
            return CAPTURE_SPEED
        return self.speed
