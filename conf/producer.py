"""Settings of the producers: connections, filling of holes, Kafka hand-over."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, NoDecode

from conf.settings import _config


class ProducerSettings(BaseSettings):
    """How one producer process works. Prefix ``NEXTHOUR_PRODUCER_``. Seconds are wall time."""

    model_config = _config("NEXTHOUR_PRODUCER_")

    shard: Annotated[str, NoDecode] = Field(
        "1/1",
        pattern=r"^[1-9][0-9]*/[1-9][0-9]*$",
        description="Which share of the symbols: '2/8' is the second of eight.",
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Where /healthz and /metrics listen; unset means nowhere."
    )

    # Streams
    max_url_length: int = Field(
        6_000, ge=200, description="A longer stream URL is split: servers refused about 8,000."
    )
    open_timeout_s: float = Field(10.0, gt=0, description="Bound on opening a websocket.")
    ping_interval_s: float = Field(
        20.0, gt=0, description="Own pings find a half-open socket; the exchange pings as often."
    )
    ping_timeout_s: float = Field(
        20.0, gt=0, description="A ping unanswered for so long means that the connection is dead."
    )
    reconnect_base_s: float = Field(
        0.5, gt=0, description="Upper bound of the first wait; it doubles with each failed attempt."
    )
    reconnect_cap_s: float = Field(
        30.0, gt=0, lt=60, description="Upper bound of any wait; the exchange cuts idle ones at 60."
    )
    reconnect_stable_s: float = Field(
        30.0, gt=0, description="A connection that lived so long starts the waits from the base."
    )
    reconnect_budget: int = Field(
        200, ge=1, lt=300, description="Attempts in reconnect_window_s; the exchange bans at 300."
    )
    reconnect_window_s: float = Field(300.0, gt=0, description="Sliding window of the budget.")
    clock_sync_s: float = Field(10.0, gt=0, description="How often the exchange's clock is asked.")

    # REST
    rest_timeout_s: float = Field(10.0, gt=0, description="Bound on one REST request.")
    rest_attempts: int = Field(3, ge=1, description="Attempts of one REST request.")
    rest_parallel: int = Field(4, ge=1, description="REST requests under way at once.")
    rest_weight_share: float = Field(
        0.8, gt=0, le=1, description="Share of the exchange's weight per minute that we may use."
    )

    # Sequencing
    hold_limit: int = Field(
        20_000,
        ge=1,
        description="Later trades held per symbol behind a hole; more are had from REST again.",
    )
    fill_grace_s: float = Field(
        0.05, ge=0, description="A hole may close by itself for so long (reordered messages)."
    )
    fill_deadline_s: float = Field(
        30.0, gt=0, description="A hole that REST cannot fill for so long is declared as GAP."
    )
    kline_grace_s: float = Field(
        3.0,
        ge=0,
        description="Wait for the closed kline after the hour before asking REST; 1.7 s were seen.",
    )
    retry_base_s: float = Field(0.2, gt=0, description="First wait after an unhelpful answer.")
    retry_cap_s: float = Field(5.0, gt=0, description="Longest wait between such questions.")
    tick_s: float = Field(0.05, gt=0, description="How often holes and hours are looked after.")

    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level that is logged."
    )

    # Kafka
    queue_limit: int = Field(
        50_000, ge=1, description="Records not yet committed; above it the socket is not read."
    )
    kafka_timeout_s: float = Field(10.0, gt=0, description="Bound on one call to the brokers.")
    stop_timeout_s: float = Field(8.0, gt=0, description="Bound on draining at the end.")
