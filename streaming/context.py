"""Everything that a query needs to know, read from the environment once."""

from __future__ import annotations

from dataclasses import dataclass, field

from conf.analysis import AnalysisSettings
from conf.names import Namespace
from conf.settings import (
    ArchiveSettings,
    CandleSettings,
    ExchangeSettings,
    ForecastSettings,
    HdfsSettings,
    KafkaSettings,
    PostgresSettings,
    RunSettings,
    S3Settings,
    SparkSettings,
    SupervisionSettings,
)


@dataclass(frozen=True)
class PipelineContext:
    """The settings of one run; pass it on, read no environment below it."""

    run: RunSettings
    exchange: ExchangeSettings
    kafka: KafkaSettings
    hdfs: HdfsSettings
    postgres: PostgresSettings
    s3: S3Settings
    spark: SparkSettings
    candle: CandleSettings
    forecast: ForecastSettings
    archive: ArchiveSettings = field(default_factory=ArchiveSettings)
    supervision: SupervisionSettings = field(default_factory=SupervisionSettings)
    analysis: AnalysisSettings = field(default_factory=AnalysisSettings)

    @property
    def namespace(self) -> Namespace:
        """Names of this run's topics, files, schema and keys."""
        return Namespace(self.run.namespace)

    @classmethod
    def from_environment(cls) -> PipelineContext:
        """Read all settings from the environment and `.env`.

        Raises:
            pydantic.ValidationError: if a value does not fit; the message names the variable.
        """
        return cls(
            run=RunSettings(),
            exchange=ExchangeSettings(),
            kafka=KafkaSettings(),
            hdfs=HdfsSettings(),
            postgres=PostgresSettings(),
            s3=S3Settings(),
            spark=SparkSettings(),
            candle=CandleSettings(),
            forecast=ForecastSettings(),
        )
