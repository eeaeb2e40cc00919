"""Typed, frozen settings, one class per concern, read from the environment.

Every field can be set as ``NEXTHOUR_<SECTION>_<FIELD>`` (see each class's prefix) or in a ``.env``
file in the working directory; the environment wins. Secrets are masked when printed.
"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from conf.contracts.trade_schemas import RELEASED_SCHEMAS, TRADE_SCHEMA_VERSION

CANDLE_ABORT_POINTS = (
    "batch_begun",
    "reading",
    "judged",
    "transaction_begun",
    "revisions_read",
    "file_written",
    "files_written",
    "produced",
    "topic_flushed",
    "rows_written",
    "before_commit",
    "after_commit",
    "checkpointing",
)
"""Named points of a candles batch, from its begin to the write of its checkpoint."""

ARCHIVE_ABORT_POINTS = (
    "staged",
    "noted",
    "file_published",
    "published",
    "before_commit",
    "after_commit",
    "merged",
    "swap_noted",
    "old_away",
    "file_carried",
    "new_in_place",
    "old_removed",
)
"""Named points of an archive batch, then of a compaction."""

DEFAULT_SYMBOLS = (
    "BTCUSDT",
    "ETHUSDT",
    "XRPUSDT",
    "BNBUSDT",
    "DOGEUSDT",
    "ADAUSDT",
    "POLUSDT",
    "DOTUSDT",
    "SOLUSDT",
    "USDCUSDT",
)


def _config(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=prefix, env_file=".env", extra="ignore", frozen=True, populate_by_name=True
    )


class RunSettings(BaseSettings):
    """What this run is: its namespace, venue, symbols and clock. Prefix ``NEXTHOUR_``."""

    model_config = _config("NEXTHOUR_")

    namespace: str = Field(
        "live",
        pattern=r"^[a-z][a-z0-9-]{0,30}$",
        description="Prefix of topics, HDFS root, SQL schema, checkpoints and S3 keys.",
    )
    venue: str = Field(
        "binance-spot",
        description="Whose trades these are; written into each record's header. A producer refuses a topic of another venue.",
    )
    source_label: str = Field(
        "live", description="Shown on every page: 'live', 'replay' or 'synthetic × 180'."
    )
    symbols: Annotated[tuple[str, ...], NoDecode] = Field(
        DEFAULT_SYMBOLS, description="Symbols, upper case, comma separated in the environment."
    )
    speed: float = Field(
        1.0, gt=0, description="Exchange seconds per wall second; 1 on a real exchange."
    )
    var_dir: Path = Field(Path("var"), description="Where the local stack, logs and reports live.")

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip().upper() for part in value.split(",") if part.strip())
        return value


class ExchangeSettings(BaseSettings):
    """Addresses of the exchange, seen from a client. Prefix ``NEXTHOUR_EXCHANGE_``."""

    model_config = _config("NEXTHOUR_EXCHANGE_")

    rest_url: str = Field("https://api.binance.com", description="Base of the REST API.")
    ws_url: str = Field("wss://stream.binance.com:9443", description="Base of the streams.")
    control_url: str | None = Field(
        None, description="Control port of the stand-in exchange; unset on a real one."
    )


class KafkaSettings(BaseSettings):
    """Kafka broker and topics. Prefix ``NEXTHOUR_KAFKA_``."""

    model_config = _config("NEXTHOUR_KAFKA_")

    bootstrap_servers: str = Field("127.0.0.1:9092", description="host:port, comma separated.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    sasl_mechanism: str | None = Field(None, description="For example SCRAM-SHA-512.")
    sasl_username: str | None = Field(None, description="SASL user.")
    sasl_password: SecretStr | None = Field(None, description="SASL password.")
    ssl_ca_location: str | None = Field(None, description="PEM file of the brokers' authority.")
    trades_partitions: int = Field(
        8, ge=1, description="Partitions of `trades`; a change is a new topic (order per symbol)."
    )
    replication_factor: int = Field(1, ge=1, description="3 in production, 1 on a laptop.")
    trades_schema_id: int = Field(
        TRADE_SCHEMA_VERSION,
        ge=0,
        le=2**31 - 1,
        description="Schema id written in front of each Avro record; a schema registry gives its own.",
    )
    trades_writer_schemas: dict[int, str] = Field(
        default_factory=lambda: dict(RELEASED_SCHEMAS),
        repr=False,
        description="JSON of the Avro schemas that records in `trades` may be written with, by id: the released ones by number, and a registry's own.",
    )
    schema_registry_url: str | None = Field(
        None, description="Confluent-compatible schema registry of `trades`; unset means none."
    )
    schema_registry_username: str | None = Field(None, description="Basic auth: user or API key.")
    schema_registry_password: SecretStr | None = Field(None, description="Basic auth: password.")
    schema_registry_ca_location: str | None = Field(
        None, description="PEM file of the registry's authority; the system's if unset."
    )
    commit_interval_ms: int = Field(
        80, ge=1, le=1000, description="Longest time that a trade waits in an open transaction."
    )
    transaction_timeout_ms: int = Field(
        10_000, description="A hung transaction holds every read_committed reader for this long."
    )

    def client_config(self) -> dict[str, str]:
        """Return librdkafka options for any client (producer, consumer, admin)."""
        options = {
            "bootstrap.servers": self.bootstrap_servers,
            "security.protocol": self.security_protocol,
        }
        if self.sasl_mechanism:
            options["sasl.mechanism"] = self.sasl_mechanism
        if self.sasl_username:
            options["sasl.username"] = self.sasl_username
        if self.sasl_password:
            options["sasl.password"] = self.sasl_password.get_secret_value()
        if self.ssl_ca_location:
            options["ssl.ca.location"] = self.ssl_ca_location
        return options


class HdfsSettings(BaseSettings):
    """HDFS. Prefix ``NEXTHOUR_HDFS_``."""

    model_config = _config("NEXTHOUR_HDFS_")

    url: str = Field("hdfs://127.0.0.1:8020", description="fs.defaultFS of the cluster.")
    http_url: str = Field(
        "http://127.0.0.1:9870",
        description="WebHDFS of the namenode, or an HttpFS gateway where the namenode is doubled.",
    )
    user: str = Field("nexthour", description="User that WebHDFS requests act as.")


class PostgresSettings(BaseSettings):
    """Postgres. Prefix ``NEXTHOUR_POSTGRES_``."""

    model_config = _config("NEXTHOUR_POSTGRES_")

    url: SecretStr = Field(
        SecretStr("postgresql://postgres@127.0.0.1:5432/postgres"),
        description="libpq URL; the SQL schema comes from the namespace.",
    )
    statement_timeout_ms: int = Field(10_000, description="Bound on one statement.")
    connect_timeout_s: int = Field(5, description="Bound on opening a connection.")


class S3Settings(BaseSettings):
    """S3-compatible store of the model registry. Prefix ``NEXTHOUR_S3_``."""

    model_config = _config("NEXTHOUR_S3_")

    endpoint_url: str | None = Field(None, description="Unset means AWS itself.")
    access_key: str = Field("local", description="Access key id.")
    secret_key: SecretStr = Field(SecretStr("local"), description="Secret access key.")
    bucket: str = Field("nexthour", description="Bucket of the registry.")
    region: str = Field("us-east-1", description="Region name that requests are signed for.")


class SparkSettings(BaseSettings):
    """How queries and batch jobs run on Spark. Prefix ``NEXTHOUR_SPARK_``."""

    model_config = _config("NEXTHOUR_SPARK_")

    master: str = Field("local[2]", description="Used unless spark-submit sets one.")
    driver_memory: str = Field("1g", description="Heap of the driver; ten symbols need 600 MB.")
    jars_dir: Path = Field(
        Path(".deps/jars/spark"), description="Kafka, Avro and Postgres jars, fetched by Ivy."
    )
    quick_jit: bool | None = Field(
        None,
        description="Driver started from Python only: compile quickly rather than well. Unset: batch jobs, which live for a minute, do; the queries, which live for days, do not.",
    )
    shuffle_partitions: int = Field(
        2, ge=1, description="Fixed for the life of a checkpoint (reliability: 4)."
    )
    max_offsets_per_trigger: int = Field(
        4_000_000,
        description="Bounds a batch after an outage: six to ten seconds of work. Every batch costs half a second besides its records, so smaller ones catch up more slowly (500,000: a third), larger ones show nothing for longer.",
    )


def _known_start(value: str) -> str:
    """Return a place in a topic as it was given: 'earliest', a time with zone, offsets as JSON."""
    if value == "earliest":
        return value
    if value.startswith("{"):
        offsets = json.loads(value)  # a ValueError, as pydantic wants it
        if not offsets or not all(
            number.isdigit() and type(offset) is int and offset >= 0
            for number, offset in offsets.items()
        ):
            message = 'offsets are a JSON object: partition number → offset, such as {"0": 1200}'
            raise ValueError(message)
    elif datetime.fromisoformat(value).tzinfo is None:
        message = f"{value} has no time zone; write 2026-01-31T12:00:00+00:00"
        raise ValueError(message)
    return value


StartFrom = Annotated[
    str,
    AfterValidator(_known_start),
    Field(
        description="Where a new checkpoint begins to read: 'earliest', a time by the broker's clock (ISO 8601 with zone), or an offset per partition ('{\"0\": 1200, …}'). An existing checkpoint goes on where it is."
    ),
]


class CandleSettings(BaseSettings):
    """The candles query. Prefix ``NEXTHOUR_CANDLE_``."""

    model_config = _config("NEXTHOUR_CANDLE_")

    future_tolerance_ms: int = Field(
        5_000,
        description="A trade later than its receipt by more than this is malformed. Clock error is a wall-time matter, so it is multiplied by the speed of an accelerated exchange.",
    )
    max_age_days: int = Field(6, description="Older trades are filtered; below the watermark.")
    watermark_days: int = Field(7, description="State eviction only; never closes an hour.")
    max_notional: Decimal = Field(
        Decimal("5e11"),
        le=Decimal("9e11"),
        description="price × quantity above this is a dead letter. Up to 9 × 10^11 the sums of 10^9 such trades fit 64 bits, and decimal(38,16).",
    )
    abort_at: str | None = Field(
        None,
        pattern=rf"^({'|'.join(CANDLE_ABORT_POINTS)}):[1-9][0-9]*$",
        description="For chaos tests: the process kills itself at the n-th passage of a named point.",
    )
    start_from: StartFrom = "earliest"


class ArchiveSettings(BaseSettings):
    """The archive query: every trade as Parquet. Prefix ``NEXTHOUR_ARCHIVE_``."""

    model_config = _config("NEXTHOUR_ARCHIVE_")

    trigger_minutes: float = Field(
        10.0, gt=0, description="A file set per so many minutes of exchange time."
    )
    max_offsets_per_trigger: int = Field(
        1_500_000,
        ge=1,
        description="A batch that has so many records is due at once: bounds a batch's sort, and works off the backlog of an outage without pauses.",
    )
    tasks: int = Field(
        1,
        ge=1,
        description="Spark tasks of a batch. With one it keeps a core busy for longer, but leaves the others to a closing hour; more on a cluster.",
    )
    csv: bool = Field(False, description="Write each file set as CSV, too.")
    compact_after_minutes: float = Field(
        60.0, ge=0, description="Exchange minutes after a day's end until its files are compacted."
    )
    retention_days: int | None = Field(
        None, ge=8, description="Days of trades that are kept; unset keeps all. Repairs need 7."
    )
    start_from: StartFrom = "earliest"
    abort_at: str | None = Field(
        None,
        pattern=rf"^({'|'.join(ARCHIVE_ABORT_POINTS)}):[1-9][0-9]*$",
        description="For chaos tests: the process kills itself at the n-th passage of a named point.",
    )


class SupervisionSettings(BaseSettings):
    """How a Spark application watches its queries. Prefix ``NEXTHOUR_SUPERVISION_``."""

    model_config = _config("NEXTHOUR_SUPERVISION_")

    restart_base_s: float = Field(
        1.0, gt=0, description="Upper bound of the first wait before a failed query is restarted."
    )
    restart_cap_s: float = Field(30.0, gt=0, description="Upper bound of any such wait.")
    stable_after_s: float = Field(
        60.0, gt=0, description="A query that ran so long starts the waits from the base."
    )
    drain_timeout_s: float = Field(
        8.0, gt=0, description="How long a stopping application lets a running batch end."
    )
    quiet_s: float = Field(
        120.0,
        gt=0,
        description="/healthz is red once a query has committed nothing for so long, beside its own period.",
    )
    metrics_port: int | None = Field(
        None, ge=0, le=65535, description="Where /healthz and /metrics listen; unset means nowhere."
    )
    repair_every_s: float = Field(
        60.0, gt=0, description="How often an application with the archive makes wanted repairs."
    )


class ForecastSettings(BaseSettings):
    """The forecast query. Prefix ``NEXTHOUR_FORECAST_``."""

    model_config = _config("NEXTHOUR_FORECAST_")

    close_grace_s: float = Field(
        30.0,
        description="Exchange seconds to wait for the last symbols after an hour's first close.",
    )
    close_grace_floor_s: float = Field(
        8.0,
        description="Wall seconds, a floor under close_grace_s: at × 180 thirty exchange seconds are a sixth of a wall second, less than one Spark batch.",
    )
    history_hours: int = Field(720, description="Cached tail of final hours per symbol.")
    scoring_timeout_s: float = Field(
        10.0,
        gt=0,
        description="Wall seconds that the model may take for one hour; then it is refused.",
    )
    staging_dir: Path | None = Field(
        None, description="Local folder for staged features and models; var/staging if unset."
    )


class DashboardSettings(BaseSettings):
    """The Streamlit dashboard. Prefix ``NEXTHOUR_DASHBOARD_``."""

    model_config = _config("NEXTHOUR_DASHBOARD_")

    port: int = Field(8501, description="Where it listens, on loopback.")
    refresh_s: float = Field(2.0, gt=0, description="How often fragments refresh.")
