"""Settings of the producers: connections, filling of holes, Kafka hand-over."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, NoDecode

from conf.settings import _config

ABORT_POINTS = (
    "received",
    "sequenced",
    "begun",
    "produced",
    "before_commit",
    "after_commit",
    "rest_answered",
)
"""Named points of a producer, from a message's receipt to its commit, and the one of REST."""


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
    renew_after_s: float = Field(
        82_800.0,
        gt=0,
        description="Age at which a connection is replaced; the exchange cuts at 24 h.",
    )
    renew_jitter: float = Field(
        0.02,
        ge=0,
        lt=0.04,
        description="Share by which that age varies, so that not all go at once.",
    )
    handover_timeout_s: float = Field(
        1_800.0,
        gt=0,
        description="How long the old connection stays for a symbol that does not trade on the new one.",
    )
    silent_after_s: float = Field(
        300.0,
        gt=0,
        description="A symbol without a trade for so long is compared with REST: quiet, or a dead subscription.",
    )
    status_check_s: float = Field(
        60.0, gt=0, description="How often `exchangeInfo` is asked whether the symbols still trade."
    )
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
    rest_lag_s: float = Field(
        10.0,
        ge=0,
        description="How far the exchange's database may trail its stream; REST's silence proves nothing sooner.",
    )
    retry_base_s: float = Field(0.2, gt=0, description="First wait after an unhelpful answer.")
    retry_cap_s: float = Field(5.0, gt=0, description="Longest wait between such questions.")
    tick_s: float = Field(0.05, gt=0, description="How often holes and hours are looked after.")

    log_level: str = Field(
        "info", pattern="^(debug|info|warning|error)$", description="Least level that is logged."
    )

    # Standby and what others see
    feed_interval_s: float = Field(
        1.0, gt=0, description="How often each symbol's feed status is published; a sign of life."
    )
    standby: bool = Field(
        False, description="Wait until the active producer of the shard is gone, then take over."
    )
    takeover_after_s: float = Field(
        4.0,
        gt=0,
        description="A standby takes over when the active producer has shown no sign of life for so long.",
    )
    abort_at: str | None = Field(
        None,
        pattern=rf"^({'|'.join(ABORT_POINTS)}):[1-9][0-9]*$",
        description="For chaos tests: the process kills itself at the n-th passage of a named point.",
    )

    # Kafka
    queue_limit: int = Field(
        50_000, ge=1, description="Records not yet committed; above it the socket is not read."
    )
    kafka_timeout_s: float = Field(10.0, gt=0, description="Bound on one call to the brokers.")
    stop_timeout_s: float = Field(8.0, gt=0, description="Bound on draining at the end.")

    @model_validator(mode="after")
    def _answer_before_the_next_ping(self) -> ProducerSettings:
        if self.ping_timeout_s > self.ping_interval_s:
            message = "ping_timeout_s must not be longer than ping_interval_s"
            raise ValueError(message)
        return self
