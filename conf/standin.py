"""Settings of the stand-in exchange."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from conf.names import HOUR_MS, epoch_ms
from conf.settings import DEFAULT_SYMBOLS

CAPTURE_SPEED = 60.0
ErrorForm = Literal["flat", "nested", "mixed"]


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
    bursts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Extra trades within one second of a live hour, as SYMBOL:N:COUNT, comma separated.",
    )
    absent_ids: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Trade ids that never exist: in live hour N they jump by COUNT, as SYMBOL:N:COUNT.",
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
    connect_attempts: int = Field(
        300, ge=1, description="WebSocket attempts in a window and from an address before HTTP 429."
    )
    connect_window_s: float = Field(300.0, gt=0, description="That window, rolling, wall seconds.")
    life_s: float = Field(
        86_400.0, gt=0, description="Wall seconds after which a websocket is cut; also at run time."
    )
    ping_interval_s: float = Field(20.0, gt=0, description="Wall seconds between pings.")
    pong_timeout_s: float = Field(60.0, gt=0, description="A client silent for longer is cut.")
    kline_interval_s: float = Field(
        2.0, gt=0, description="Wall seconds between updates of an open kline."
    )
    ticker_interval_s: float = Field(
        1.0, gt=0, description="Wall seconds between updates of a mini ticker."
    )
    incoming_per_s: int = Field(
        5, ge=1, description="Frames a client may send in any second before close code 1008."
    )
    client_buffer_bytes: int = Field(
        16 * 2**20, ge=2**16, description="Unsent bytes at which a slow client is cut."
    )
    weight_limit: int = Field(6_000, ge=1, description="REST weight per wall minute and address.")
    rest_lag_ms: int = Field(
        0,
        ge=0,
        description="Exchange ms by which historicalTrades, aggTrades and klines trail the streams.",
    )
    serves_historical_trades: bool = Field(
        True,
        description="False: as a market-data-only host, which answers historicalTrades with 404.",
    )
    error_form: ErrorForm = Field(
        "mixed", description="Form of control errors: flat, nested, or both as seen on the wire."
    )
    abort_at: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Trades, as SYMBOL:ID, right after which every websocket is aborted, comma separated.",
    )
    scenario: Path | None = Field(
        None, description="File of faults and when they come; see exchange/scenario.py."
    )

    @field_validator(
        "symbols",
        "quiet_hours",
        "halted_hours",
        "bursts",
        "absent_ids",
        "abort_at",
        mode="before",
    )
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
        if self.capture and (self.bursts or self.absent_ids):
            message = "bursts and absent_ids are for made hours, not for a capture"
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
