"""One fit of one model with one seed: fitted, scored, and kept so that it is never done twice."""

from __future__ import annotations

import hashlib
import inspect
import resource
import time
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from model.evaluation.plan import Fold
from model.evaluation.predictions import Ground
from model.evaluation.rows import Rows
from model.evaluation.settings import EvaluationSettings
from model.forecasters.forecaster import LEVELS, Fitted, Forecaster, ForecasterError

Floats = npt.NDArray[np.float64]

BLOCK_ROWS = 4096
"""Rows of one call of a forecaster, always: another number could change the last bit of a sum."""

_MODEL = Path(__file__).parents[1]
_SHARED = (
    *("features.py", "feature_spec.py", "grid.py", "dataset.py", "baselines.py", "stable.py"),
    *("network.py", "training.py", "shrinkage.py"),
    *(f"evaluation/{name}.py" for name in ("hours", "plan", "predictions", "rows", "tasks")),
)


@dataclass(frozen=True)
class Task:
    """What is to be fitted; `seed` is 0 for a model that does not depend on it."""

    forecaster: Forecaster
    fold: Fold
    seed: int


@dataclass(frozen=True)
class Scored:
    """What came of a task.

    Attributes:
        quantiles: (asked, levels) of z.
        validation: (validation, levels) of z; what composes models starts from it.
        fit_s: wall seconds of the fit.
        score_s: wall seconds of scoring what was asked.
        peak_mib: highest resident memory of the process meanwhile, the rows of all fits included.
    """

    quantiles: Floats
    validation: Floats
    fit_s: float
    score_s: float
    peak_mib: int


def run_task(task: Task, rows: Rows, ground: Ground) -> Scored:
    """Fit on the ground's training rows, score its test rows and those that validated it.

    No target is handed over for scoring.

    Raises:
        ForecasterError: if a quantile is no number or quantiles cross.
    """
    _forget_peak()
    train = rows.windows(ground.train, with_targets=True)
    validation = rows.windows(ground.validation, with_targets=True)
    began = time.monotonic()
    fitted = task.forecaster.fit(train, validation, task.seed)
    trained = time.monotonic()
    quantiles = _score(fitted, rows, ground.asked)
    scored = time.monotonic()
    validated = _score(fitted, rows, ground.validation)
    for found in (quantiles, validated):
        if not np.isfinite(found).all() or (np.diff(found, axis=1) < 0).any():
            message = f"{task.forecaster.name}: its quantiles are not finite or not in rising order"
            raise ForecasterError(message)
    return Scored(quantiles, validated, trained - began, scored - trained, peak_mib())


def _score(fitted: Fitted, rows: Rows, asked: npt.NDArray[np.int64]) -> Floats:
    quantiles = np.empty((len(asked), len(LEVELS)))
    for start in range(0, len(asked), BLOCK_ROWS):
        block = asked[start : start + BLOCK_ROWS]
        padded = np.concatenate([block, np.repeat(block[-1:], BLOCK_ROWS - len(block))])
        found = fitted.quantiles(rows.windows(padded, with_targets=False))
        quantiles[start : start + len(block)] = found[: len(block)]
    return quantiles


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM (man proc_pid_clear_refs)
    except OSError:  # not Linux, or not allowed: the peak of the whole process is told instead
        return


def peak_mib() -> int:
    """Return the highest resident memory of this process, MiB."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


class Cache:
    """Scored tasks in a folder, each named by all that it is a function of."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, key: str, task: Task) -> Path:
        """Return the file of a task."""
        return self._folder / f"{task.forecaster.name}-{task.fold.number}-{task.seed}-{key}.npz"

    def load(self, key: str, task: Task) -> Scored | None:
        """Return what was kept; None if nothing was, or if the file is damaged."""
        try:
            with np.load(self.path(key, task)) as kept:
                fit_s, score_s, peak_mib = kept["cost"]
                return Scored(
                    kept["quantiles"],
                    kept["validation"],
                    float(fit_s),
                    float(score_s),
                    int(peak_mib),
                )
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None

    def save(self, key: str, task: Task, scored: Scored) -> None:
        """Keep a result; a file is whole or absent."""
        partial = self.path(key, task).with_suffix(".partial")
        with partial.open("wb") as file:
            cost = np.array([scored.fit_s, scored.score_s, scored.peak_mib])
            np.savez(file, quantiles=scored.quantiles, validation=scored.validation, cost=cost)
        partial.replace(self.path(key, task))


def task_key(task: Task, rows: Rows, candles: str, settings: EvaluationSettings) -> str:
    """Return 16 hex characters that name a task's result.

    Args:
        task: model, fit, seed.
        rows: whose features it takes.
        candles: digest of the candles up to the target of the fit's last test hour.
        settings: of the evaluation.
    """
    body = {
        "model": task.forecaster.name,
        "options": repr(vars(task.forecaster)),
        "code": _code_digest(task.forecaster),
        "seed": task.seed,
        "fold": asdict(task.fold),
        "candles": candles,
        "features": rows.spec.to_dict(),
        "settings": asdict(settings),
    }
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


def _code_digest(forecaster: Forecaster) -> str:
    """Return SHA-256 of the code that a result depends on: a changed model is fitted anew."""
    own = Path(inspect.getfile(type(forecaster)))
    files = [_MODEL / name for name in _SHARED] + [own]
    if own.parent.name == "forecasters":  # which share helpers
        files += sorted(own.parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()
