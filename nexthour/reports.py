"""The reports that commands write, as typed models; `docs/reports.md` explains them."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psutil
from pydantic import BaseModel, ConfigDict, Field

from nexthour.latency import Latency

VERSIONS_OF = ("pyspark", "petastorm", "tensorflow", "confluent-kafka", "streamlit")


class Machine(BaseModel):
    """What the figures were measured on."""

    model_config = ConfigDict(frozen=True)

    system: str
    python: str
    cores: int
    memory_gib: float
    versions: dict[str, str]

    @classmethod
    def here(cls) -> Machine:
        """Describe this machine."""
        versions = {}
        for name in VERSIONS_OF:
            package = "tensorflow-cpu" if name == "tensorflow" and _has("tensorflow-cpu") else name
            versions[package] = version(package)
        return cls(
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
            cores=os.cpu_count() or 1,
            memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
            versions=versions,
        )


def _has(package: str) -> bool:
    try:
        version(package)
    except ImportError:
        return False
    return True


class CandleCheck(BaseModel):
    """Final candles in each store against the exchange's own book."""

    expected: int = Field(description="Symbol-hours that the exchange closed.")
    per_store: dict[str, int] = Field(description="Final candles in each store.")
    equal: dict[str, int] = Field(description="Those that equal the book digit for digit.")
    differences: list[str] = Field(description="One line each; empty when green.")


class ForecastCheck(BaseModel):
    """Forecasts of the closed hours."""

    expected: int = Field(description="Symbols × closed hours.")
    by_registry_model: int = Field(description="Forecasts by the registry's model.")
    fallbacks: int = Field(description="Forecasts by the fallback; must be 0.")
    refusals: int = Field(description="Refusals; must be 0.")
    in_topic: int = Field(description="Distinct symbol-hours in the topic `forecasts`.")
    in_parquet: int = Field(description="Distinct symbol-hours in Parquet on HDFS.")
    problems: list[str] = Field(description="One line each; empty when green.")


class DashboardCheck(BaseModel):
    """What the dashboard showed."""

    answered: bool
    symbols_with_candle: list[str]
    symbols_with_forecast: list[str]
    problems: list[str]


class MemoryFigure(BaseModel):
    """Peak resident memory in MiB."""

    per_process: dict[str, float]
    whole_stack_peak: float


class DemoReport(BaseModel):
    """`var/demo/report.json` of `make demo CHECK=1`."""

    is_green: bool
    namespace: str
    source: str
    closed_hours: int
    model_version: str | None
    model_status: str | None
    candles: CandleCheck
    forecasts: ForecastCheck
    dashboard: DashboardCheck
    startup_s: dict[str, float] = Field(description="Wall seconds per part and step.")
    training_s: float
    first_final_candle_s: float | None = Field(
        description="Start of the command → first live final candle readable."
    )
    candle_latency: Latency | None = Field(
        description="Exchange sends the closed kline → final candle readable in Postgres."
    )
    forecast_latency: Latency | None = Field(description="The same → forecast readable.")
    memory_mib: MemoryFigure
    machine: Machine


class ReplayReport(BaseModel):
    """`var/replay/report.json` of `nexthour replay FILE`."""

    is_green: bool
    file: str
    messages: int = Field(description="Lines of the capture that the exchange sent.")
    trades_in: int = Field(description="Distinct trades of the capture.")
    trades_published: int = Field(description="TRADE records in the topic.")
    duplicates: int
    dead_letters: int
    gap_ids: int
    trades_in_candles: int = Field(description="Sum of the candles' trade counts.")
    accounted_for: int = Field(description="In candles + dead letters.")
    candles: int
    verdicts: dict[str, int]
    problems: list[str]
    seconds: float
    machine: Machine


def write_report(report: BaseModel, path: Path) -> None:
    """Write a report as readable JSON, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(report.model_dump_json(indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)
