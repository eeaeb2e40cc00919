"""The report of an evaluation: `report.json`, `report.md` and a `report.html` that needs no network."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from conf.names import utc_time
from model.evaluation import scores
from model.evaluation.champion import Composition
from model.evaluation.outcomes import BASELINE, Forecasts, only, pair, select
from model.evaluation.report_files import FORMAT, kept_projection, plain, write_files
from model.evaluation.runs import Run
from model.feature_spec import FeatureSpec

SEED_MARK = "#"


def write_report(
    predictions: pd.DataFrame,
    runs: Sequence[Run],
    out: Path,
    *,
    stable: Sequence[str] = FeatureSpec.stable,
    tried: Sequence[str] = (),
    composition: Composition | None = None,
) -> None:
    """Score predictions and write the report; files of the same names are replaced.

    The section of a projection that an earlier run left in the report is kept.

    Args:
        predictions: rows of `predictions.parquet`, in any order, with rows of `naive`. A model
            named `lstm#0` is one seed of `lstm`: it counts in the mean and spread over seeds and
            has no line of its own.
        runs: what each model and seed cost; may be empty.
        out: folder, made if it is absent.
        stable: coins that are reported apart and left out of all pooled figures.
        tried: names of configurations that were tried beforehand on the same hours: the more of
            them, the less a good figure says.
        composition: what the champion was made of, if it is among the models.

    Raises:
        ValueError: if the predictions cannot be compared (see `pair`), no coin is volatile, or a seed is
            there without the model that is the mean of the seeds.
    """
    by_model = pair(predictions)
    report, volatile = _build(by_model, runs, stable, tried, composition)
    write_files({**report, **kept_projection(out)}, volatile, out)


def build_report(
    predictions: pd.DataFrame,
    runs: Sequence[Run],
    stable: Sequence[str] = FeatureSpec.stable,
    tried: Sequence[str] = (),
    composition: Composition | None = None,
) -> dict[str, Any]:
    """Return the value of `report.json`: plain types, keys in a fixed order, None for no number.

    Args:
        predictions: as for `write_report`, as are the others.
        runs: what each model and seed cost.
        stable: coins that are reported apart.
        tried: configurations tried beforehand.
        composition: of the champion.

    Raises:
        ValueError: as `write_report`.
    """
    return _build(pair(predictions), runs, stable, tried, composition)[0]


def _build(
    by_model: Mapping[str, Forecasts],
    runs: Sequence[Run],
    stable: Sequence[str],
    tried: Sequence[str],
    composition: Composition | None,
) -> tuple[dict[str, Any], dict[str, Forecasts]]:
    coins = by_model[BASELINE].outcomes.coins
    volatile_coins = [coin for coin in coins if coin not in set(stable)]
    if not volatile_coins:
        message = f"only stable coins ({', '.join(coins)}): there is nothing to pool"
        raise ValueError(message)
    volatile = _only(by_model, volatile_coins)
    models = {name: part for name, part in volatile.items() if SEED_MARK not in name}
    orphans = [name for name in volatile if name.partition(SEED_MARK)[0] not in models]
    if orphans:
        message = f"seeds without the forecasts that are their mean: {', '.join(orphans)}"
        raise ValueError(message)
    figures = {name: _model(name, volatile, runs) for name in models}
    stable_coins = [coin for coin in coins if coin in set(stable)]
    apart = _only(by_model, stable_coins) if stable_coins else {}
    report = {
        "format": FORMAT,
        "range": _range(by_model[BASELINE], volatile_coins, stable_coins),
        "warnings": _warnings(figures),
        "models": figures,
        "champion": None if composition is None else asdict(composition),
        "stable": {name: scores.by_coin(apart[name]) for name in models if name in apart},
        "configurations_tried": {
            "here": list(models),
            "before": sorted(set(tried)),
            "count": len(set(models) | set(tried)),
        },
    }
    return plain(report), models


def _only(by_model: Mapping[str, Forecasts], coins: Sequence[str]) -> dict[str, Forecasts]:
    outcomes = select(by_model[BASELINE].outcomes, coins)
    return {name: only(part, coins, outcomes) for name, part in by_model.items()}


def _model(name: str, volatile: Mapping[str, Forecasts], runs: Sequence[Run]) -> dict[str, Any]:
    by_seed = {
        other.partition(SEED_MARK)[2]: scores.headline(part)
        for other, part in volatile.items()
        if other.partition(SEED_MARK)[0] == name and SEED_MARK in other
    }
    return {
        **scores.score(volatile[name]),
        "seeds": {
            "count": len(by_seed),
            "by_seed": by_seed,
            "summary": scores.over_seeds(list(by_seed.values())) if by_seed else {},
        },
        "cost": _cost([run for run in runs if run.model.partition(SEED_MARK)[0] == name]),
    }


def _cost(runs: Sequence[Run]) -> dict[str, Any] | None:
    if not runs:
        return None
    return {
        "runs": len(runs),
        "refits": sum(run.refits for run in runs),
        "fit_s": math.fsum(run.fit_s for run in runs),
        "score_s": math.fsum(run.score_s for run in runs),
        "peak_mib": max(run.peak_mib for run in runs),
        "by_run": [asdict(run) for run in sorted(runs, key=lambda run: (run.model, run.seed))],
    }


def _range(
    naive: Forecasts, volatile_coins: Sequence[str], stable_coins: Sequence[str]
) -> dict[str, Any]:
    open_ms = naive.outcomes.open_ms
    return {
        "first_open_time": utc_time(int(open_ms.min())).isoformat(),
        "last_open_time": utc_time(int(open_ms.max())).isoformat(),
        "hours": len(set(open_ms.tolist())),
        "rows_per_model": len(open_ms),
        "coins": list(volatile_coins),
        "stable_coins": list(stable_coins),
    }


def _warnings(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return leak warnings, and rows that must not be; seeds speak only if their mean does not."""
    told = []
    for model, values in figures.items():
        seeds = values["seeds"]["by_seed"]
        told += scores.leaks(model, values) or [
            text
            for seed in seeds
            for text in scores.leaks(f"{model}{SEED_MARK}{seed}", seeds[seed])
        ]
        if values["crossings"]:
            told.append(f"{model}: {values['crossings']} rows whose quantiles cross")
    return told
