"""Settings of the local stack (`local/`)."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class LocalStackSettings(BaseSettings):
    """Servers on this machine's loopback. Prefix ``NEXTHOUR_LOCAL_``.

    A port of 0 means: choose a free one, so that two checkouts run side by side.
    """

    model_config = SettingsConfigDict(
        env_prefix="NEXTHOUR_LOCAL_",
        env_file=".env",
        extra="ignore",
        frozen=True,
        populate_by_name=True,
    )

    run_dir: Path = Field(
        Path("var/local"), description="Configuration, data and logs of the servers."
    )
    jars_dir: Path = Field(Path(".deps/jars"), description="Where `python -m local.jars` put them.")
    durable: bool = Field(
        True,
        description="Postgres waits for the disk at each commit; off in tests and the demo.",
    )

    kafka_port: int = Field(0, ge=0, le=65535, description="Broker.")
    kafka_controller_port: int = Field(0, ge=0, le=65535, description="KRaft controller.")
    hdfs_port: int = Field(0, ge=0, le=65535, description="Namenode RPC (hdfs://).")
    hdfs_http_port: int = Field(0, ge=0, le=65535, description="Namenode HTTP (WebHDFS).")
    datanode_port: int = Field(0, ge=0, le=65535, description="Datanode transfer.")
    datanode_ipc_port: int = Field(0, ge=0, le=65535, description="Datanode RPC.")
    datanode_http_port: int = Field(0, ge=0, le=65535, description="Datanode HTTP.")
    postgres_port: int = Field(0, ge=0, le=65535, description="Postgres.")
    s3_port: int = Field(0, ge=0, le=65535, description="S3 server.")

    kafka_heap_mb: int = Field(320, ge=128, description="Heap of the broker.")
    namenode_heap_mb: int = Field(128, ge=64, description="Heap of the namenode.")
    datanode_heap_mb: int = Field(128, ge=64, description="Heap of the datanode.")
    s3_heap_mb: int = Field(64, ge=48, description="Heap of the S3 server.")

    start_timeout_s: float = Field(90.0, gt=0, description="Bound on each server's start.")
    stop_timeout_s: float = Field(
        8.0, gt=0, description="Time for an orderly stop; after it the server is killed."
    )
