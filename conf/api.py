"""Settings of the read API (`api/`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class ApiSettings(BaseSettings):
    """The read API. Prefix ``NEXTHOUR_API_``. Seconds are wall time."""

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_API_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address to listen on; 0.0.0.0 for every interface."
    )
    port: int = Field(8700, ge=0, le=65535, description="Where it listens; 0 takes a free one.")
    key: SecretStr | None = Field(
        None,
        description="What clients must send in the header X-API-Key; unset or empty lets everyone read.",
    )
    max_rows: int = Field(
        5_000,
        ge=1,
        le=20_000,
        description="Most rows of one page: 2,160 are 90 days of one coin, about 1 MB of JSON.",
    )
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Origins whose pages may read, such as https://example.org, comma separated; * for all, empty for none.",
    )
    pool_size: int = Field(
        4,
        ge=1,
        le=64,
        description="Most connections to Postgres, hence most queries at once; a Python process is busy with two.",
    )
    pool_wait_s: float = Field(
        5.0, gt=0, description="How long a request waits for a connection; then it gets 503."
    )
    connect_timeout_s: int = Field(
        2, ge=1, description="Bound on opening a connection to Postgres."
    )
    statement_timeout_ms: int = Field(
        5_000, ge=1, description="Bound on one statement in Postgres; then the request gets 503."
    )
    sse_poll_s: float = Field(
        0.5, gt=0, description="How often Postgres is asked for new events while anyone listens."
    )
    sse_keepalive_s: float = Field(
        15.0,
        gt=0,
        description="Silence after which a stream says that it lives; proxies cut at 60.",
    )
    sse_max_streams: int = Field(100, ge=1, description="Most streams open at once.")
    sse_resume_hours: float = Field(
        24.0, gt=0, description="How old an event id may be to resume from."
    )
    shutdown_s: int = Field(
        5, ge=1, description="How long requests under way may take after SIGTERM."
    )
    with_stack: bool = Field(
        True, description="`make demo` and `make live` start the read API, too."
    )

    @field_validator("key", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        return value or None

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().rstrip("/") for part in value.split(",") if part.strip())
        return value
