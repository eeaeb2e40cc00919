"""The settings of one test: one namespace in the running stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic_settings import BaseSettings

from conf.names import Namespace
from conf.settings import (
    HdfsSettings,
    KafkaSettings,
    PostgresSettings,
    RunSettings,
    S3Settings,
    SparkSettings,
)

SECTIONS: dict[str, tuple[type[BaseSettings], str]] = {
    "kafka": (KafkaSettings, "NEXTHOUR_KAFKA_"),
    "hdfs": (HdfsSettings, "NEXTHOUR_HDFS_"),
    "postgres": (PostgresSettings, "NEXTHOUR_POSTGRES_"),
    "s3": (S3Settings, "NEXTHOUR_S3_"),
}
TEST_SPARK = {"master": "local[2]", "driver_memory": "768m"}
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Bundle:
    """Every settings object that points into the stack, and the environment for child processes.

    Attributes:
        environment: for child processes: the stack's variables and the run's.
    """

    namespace: Namespace
    run: RunSettings
    kafka: KafkaSettings
    hdfs: HdfsSettings
    postgres: PostgresSettings
    s3: S3Settings
    spark: SparkSettings
    environment: dict[str, str]


def spark_settings(**changes: object) -> SparkSettings:
    """Return small Spark settings with the repository's jars."""
    jars = ROOT / ".deps" / "jars" / "spark"
    return SparkSettings.model_validate({**TEST_SPARK, "jars_dir": jars, **changes})


def bundle_of(
    stack_environment: Mapping[str, str], namespace: Namespace, var_dir: Path, **run: object
) -> Bundle:
    """Return the settings of a namespace in a stack.

    Args:
        stack_environment: `LocalStack.environment()`.
        namespace: the test's own.
        var_dir: where its processes write.
        run: further fields of `RunSettings`.
    """
    environment = {
        **stack_environment,
        "NEXTHOUR_NAMESPACE": namespace.name,
        "NEXTHOUR_VAR_DIR": str(var_dir),
        "NEXTHOUR_SPARK_MASTER": TEST_SPARK["master"],
        "NEXTHOUR_SPARK_DRIVER_MEMORY": TEST_SPARK["driver_memory"],
        "NEXTHOUR_SPARK_JARS_DIR": str(ROOT / ".deps" / "jars" / "spark"),
        "NEXTHOUR_SPARK_QUICK_JIT": "true",  # a test's queries live for a minute
    }
    for name, value in run.items():
        environment[f"NEXTHOUR_{name.upper()}"] = (
            ",".join(value) if isinstance(value, (tuple, list)) else str(value)
        )
    sections = {
        name: kind.model_validate(_fields(environment, prefix))
        for name, (kind, prefix) in SECTIONS.items()
    }
    return Bundle(
        namespace=namespace,
        run=RunSettings.model_validate({"namespace": namespace.name, "var_dir": var_dir, **run}),
        spark=spark_settings(),
        environment=environment,
        **sections,  # type: ignore[arg-type]  # one class per section
    )


def _fields(environment: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix).lower(): value
        for name, value in environment.items()
        if name.startswith(prefix)
    }
