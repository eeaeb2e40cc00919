"""Each figure of the model's benchmark, measured by itself."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from conf.model import ModelSettings
from model.dataset import Windows, open_reader, read_windows, training_batches
from model.feature_spec import FeatureSpec
from model.forecasters.forecaster import Fitted
from nexthour.latency import percentile

FIELDS = ("coin", "sequence", "static", "target_z")
PASSES = 3
CALLS = 300


def read_rate(folder: Path) -> float:
    """Return windows a second of Petastorm's batch reader, the best of some passes from a warm disk."""
    return max(_pass(folder) for _ in range(PASSES))


def _pass(folder: Path) -> float:
    rows, begun = 0, time.perf_counter()
    options = {"reader_pool_type": "thread", "workers_count": 2}
    with open_reader(folder, FIELDS, **options) as reader:
        for batch in reader:
            rows += len(batch.target_z)
    return rows / (time.perf_counter() - begun)


def batch_rate(folder: Path, spec: FeatureSpec, settings: ModelSettings) -> float:
    """Return windows a second as the training takes them: shuffled batches of tensors."""
    options: dict[str, Any] = {"batch_size": settings.batch_size, "epochs": 1, "seed": 1}
    with training_batches(folder, spec, **options) as batches:
        next(batches)
        rows, begun = 0, time.perf_counter()
        for _, z in batches:
            rows += int(z.shape[0])
        return rows / (time.perf_counter() - begun)


def ten_rows(folder: Path, spec: FeatureSpec) -> Windows:
    """Return the newest ten windows of a folder."""
    windows = read_windows(folder, spec)
    last = slice(-10, None)
    return Windows(
        symbols=windows.symbols[last],
        open_time_ms=windows.open_time_ms[last],
        inputs={name: values[last] for name, values in windows.inputs.items()},
        sigma=windows.sigma[last],
        last_close=windows.last_close[last],
        z=np.full(10, np.nan),
    )


def scoring_ms(fitted: Fitted, rows: Windows) -> tuple[float, float]:
    """Return median and p95 of scoring rows, milliseconds, once warm."""
    fitted.quantiles(rows)
    seconds = sorted(_seconds(lambda: fitted.quantiles(rows)) for _ in range(CALLS))
    return 1000 * statistics.median(seconds), 1000 * percentile(seconds, 0.95)


def _seconds(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun
