"""One fit of one model with one seed: fitted, scored, and kept so that it is never done twice."""

from __future__ import annotations

import hashlib
import inspect
import time
import uuid
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from model.evaluation.peak import Peak
from model.evaluation.picked import Picked
from model.evaluation.plan import Fold
from model.evaluation.rows import Rows
from model.evaluation.settings import EvaluationSettings
from model.evaluation.source_digest import source_digest
from model.forecasters.forecaster import LEVELS, Fitted, Forecaster, ForecasterError, Kind

Floats = npt.NDArray[np.float64]

BLOCK_ROWS = 4096
"""Rows of one call of a forecaster, always: another number could change the last bit of a sum."""

_SHARED = (
    *("features.py", "feature_spec.py", "grid.py", "exogenous.py", "dataset.py", "baselines.py"),
    *("stable.py", "network.py", "training.py", "shrinkage.py"),
    *(f"evaluation/{name}.py" for name in ("hours", "picked", "plan", "rows", "tasks")),
)


@dataclass(frozen=True)
class Task:
    """What is to be fitted; `seed` is 0 for a model that does not depend on it."""

    forecaster: Kind
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
        peak_mib: highest resident memory of the process meanwhile, the rows that it read included.
    """

    quantiles: Floats
    validation: Floats
    fit_s: float
    score_s: float
    peak_mib: int


def run_task(
    task: Task, rows: Rows, picked: Picked, forecaster: Forecaster, beside: Sequence[int] = ()
) -> Scored:
    """Fit on the picked training rows, score the test rows and those that validated it.

    No target is handed over for scoring. One thread, whatever the machine: sums over another number
    of threads differ in their last bits.

    Args:
        task: what is fitted.
        rows: that `picked` counts in.
        picked: the rows of the task's fold.
        forecaster: the task's own, or what it is on a Spark session.
        beside: processes whose memory counts, too.

    Raises:
        ForecasterError: if a quantile is no number or quantiles cross.
    """
    from threadpoolctl import threadpool_limits

    peak = Peak(beside)
    with threadpool_limits(1):
        train = rows.windows(picked.train, with_targets=True)
        validation = rows.windows(picked.validation, with_targets=True)
        began = time.monotonic()
        fitted = forecaster.fit(train, validation, task.seed)
        trained = time.monotonic()
        quantiles = _score(fitted, rows, picked.asked)
        scored = time.monotonic()
        validated = _score(fitted, rows, picked.validation)
    for found in (quantiles, validated):
        if not np.isfinite(found).all() or (np.diff(found, axis=1) < 0).any():
            message = f"{forecaster.name}: its quantiles are not finite or not in rising order"
            raise ForecasterError(message)
    return Scored(quantiles, validated, trained - began, scored - trained, peak.mib())


def _score(fitted: Fitted, rows: Rows, asked: npt.NDArray[np.int64]) -> Floats:
    quantiles = np.empty((len(asked), len(LEVELS)))
    for start in range(0, len(asked), BLOCK_ROWS):
        block = asked[start : start + BLOCK_ROWS]
        padded = np.concatenate([block, np.repeat(block[-1:], BLOCK_ROWS - len(block))])
        found = fitted.quantiles(rows.windows(padded, with_targets=False))
        quantiles[start : start + len(block)] = found[: len(block)]
    return quantiles


class Cache:
    """Scored tasks in a folder, each named by all that it is a function of.

    Several processes may write to it, the same task included: files appear whole.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, key: str, task: Task) -> Path:
        """Return the file of a task."""
        return self.folder / f"{task.forecaster.name}-{task.fold.number}-{task.seed}-{key}.npz"

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
        partial = self.folder / f"{uuid.uuid4().hex}.partial"
        with partial.open("xb") as file:
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


def _code_digest(forecaster: Kind) -> str:
    """Return SHA-256 of the code that a result depends on: a changed model is fitted anew."""
    own = Path(inspect.getfile(type(forecaster)))
    files = [own]
    if own.parent.name == "forecasters":  # which share helpers
        files += sorted(own.parent.glob("*.py"))
    return source_digest(_SHARED, files)
