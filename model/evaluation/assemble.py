"""What the fits of a walk said, put together: a frame of forecasts per model, and per seed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from conf.champion import CHAMPION
from model.composition import mean
from model.evaluation.champion import Champion, Composition, Model, Said, compose, fitted_for
from model.evaluation.predictions import Ground, prediction_frame
from model.evaluation.rows import Rows
from model.evaluation.runs import Run
from model.evaluation.tasks import Scored, Task

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Walked:
    """What a walk found.

    Attributes:
        predictions: rows of `predictions.parquet`: model by model, then by hour and coin.
        by_seed: the same for each seed of the models that have several, model = ``name#seed``. The
            champion's is composed of its members' fits with that seed.
        runs: cost per model and seed; the champion's is that of its members and its own.
        composition: what the champion was made of; None if it was not asked for.
    """

    predictions: pd.DataFrame
    by_seed: pd.DataFrame
    runs: list[Run]
    composition: Composition | None = None


def assemble(
    models: Sequence[Model],
    rows: Rows,
    grounds: Sequence[Ground],
    scored: Sequence[tuple[Task, Scored]],
) -> Walked:
    """Return the forecasts of all models.

    Args:
        models: in the order of the result.
        rows: that the grounds count in.
        grounds: of the fits, in their order.
        scored: every fit of every model and member with every seed.
    """
    parts = _Parts(rows, grounds, scored)
    means, single, runs, composition = [], [], [], None
    for model in models:
        if isinstance(model, Champion):
            frame, run, made_of = parts.champion(model)
            composition = made_of if model.name == CHAMPION else composition
            runs.append(run)
        else:
            frame = parts.frame(model.name, parts.said(model.name))
            runs += parts.runs(model.name)
        means.append(frame)
        single += parts.by_seed(model)
    predictions = pd.concat(means, ignore_index=True)
    alone = pd.concat(single, ignore_index=True) if single else predictions.iloc[:0]
    return Walked(predictions, alone, runs, composition)


class _Parts:
    """The fits by model and seed."""

    def __init__(
        self, rows: Rows, grounds: Sequence[Ground], scored: Sequence[tuple[Task, Scored]]
    ) -> None:
        self._rows = rows
        self._grounds = grounds
        self._fits: dict[str, dict[int, list[Scored]]] = {}
        for task, one in sorted(scored, key=lambda pair: pair[0].fold.number):
            seeds = self._fits.setdefault(task.forecaster.name, {})
            seeds.setdefault(task.seed, []).append(one)

    def seeds(self, model: Model) -> list[int]:
        """Return the seeds that a model depends on; the champion's are those of its members."""
        seeded = [one.name for one in fitted_for(model) if one.is_seeded]
        return sorted({seed for name in seeded for seed in self._fits[name]})

    def said(self, name: str, seed: int | None = None) -> list[Said]:
        """Return what a forecaster said, fit by fit: with one seed, or the mean over all of them.

        A forecaster that depends on no seed says the same with each.
        """
        by_seed = self._fits[name]
        only = [by_seed[seed]] if seed in by_seed else list(by_seed.values())
        return [
            Said(mean([one.quantiles for one in own]), mean([one.validation for one in own]))
            for own in zip(*only, strict=True)
        ]

    def runs(self, name: str) -> list[Run]:
        """Return a forecaster's cost by seed."""
        return [
            Run(
                name,
                seed,
                fit_s=round(sum(one.fit_s for one in fits), 3),
                score_s=round(sum(one.score_s for one in fits), 3),
                peak_mib=max(one.peak_mib for one in fits),
                refits=len(fits),
            )
            for seed, fits in sorted(self._fits[name].items())
        ]

    def champion(self, champion: Champion) -> tuple[pd.DataFrame, Run, Composition]:
        """Return the champion's forecasts, what they cost, and what they were made of."""
        began = time.monotonic()
        frame, composition = self._composed(champion, champion.name, None)
        own = [run for member in champion.members for run in self.runs(member.name)]
        run = Run(
            champion.name,
            0,
            fit_s=round(sum(one.fit_s for one in own), 3),
            score_s=round(sum(one.score_s for one in own) + time.monotonic() - began, 3),
            peak_mib=max(one.peak_mib for one in own),
            refits=len(self._grounds),
        )
        return frame, run, composition

    def by_seed(self, model: Model) -> list[pd.DataFrame]:
        """Return a model's forecasts with each seed alone; none where there is but one."""
        seeds = self.seeds(model)
        if len(seeds) < 2:
            return []
        if isinstance(model, Champion):
            return [self._composed(model, f"{model.name}#{seed}", seed)[0] for seed in seeds]
        return [self.frame(f"{model.name}#{seed}", self.said(model.name, seed)) for seed in seeds]

    def frame(self, model: str, said: Sequence[Said]) -> pd.DataFrame:
        """Return a forecaster's own predictions, fit by fit."""
        return self._frame(
            model,
            [
                ground.prices(self._rows, model, one.asked)
                for ground, one in zip(self._grounds, said, strict=True)
            ],
        )

    def _composed(
        self, champion: Champion, name: str, seed: int | None
    ) -> tuple[pd.DataFrame, Composition]:
        said = [self.said(member.name, seed) for member in champion.members]
        prices, composition = compose(
            champion, self._rows, self._grounds, list(zip(*said, strict=True))
        )
        return self._frame(name, prices), composition

    def _frame(self, model: str, prices: Sequence[Floats]) -> pd.DataFrame:
        parts = [
            prediction_frame(self._rows, ground.tested, model, part)
            for ground, part in zip(self._grounds, prices, strict=True)
        ]
        return pd.concat(parts, ignore_index=True)
