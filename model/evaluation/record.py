"""A finished evaluation as rows of the tables of evaluations (migration 0008). Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from conf.champion import CHAMPION
from conf.names import utc_time
from model.evaluation.outcomes import BASELINE, QUANTILE_COLUMNS
from model.evaluation.tables import ranked

INTERVAL_SES = 2 * 1.959964
"""Standard errors that a 95 % interval is wide."""

OVER_SEEDS = ("rmae", "da", "dm_t", "pinball_skill", "coverage_90")
PREDICTION = (
    *("model", "symbol", "open_time", "target_open_time", "last_close"),
    *QUANTILE_COLUMNS,
    *("actual_close", "is_refused", "reason"),
)
_POOLED = (
    *("is_better", "rmae", "da", "dm_t", "pinball_skill", "dm_t_pinball"),
    *("coverage_50", "coverage_90", "width_90", "ic", "mape"),
)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choices:
    """What an evaluation was asked for, and of which candles.

    Attributes:
        train_until_ms: what the first fit may see ends with this hour, UTC epoch ms.
        refit_hours: from one fit to the next.
        seeds: of the models that depend on one.
        data_digest: of the candles that were read.
    """

    train_until_ms: int
    refit_hours: int
    seeds: Sequence[int]
    data_digest: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is written of one evaluation; each row by the names of its table's columns.

    Attributes:
        run: the row of `evaluation_run`.
        models: those of `evaluation_model`, the best first.
        predictions: those of `evaluation_prediction`, columns `PREDICTION`.
    """

    run: Row
    models: list[Row]
    predictions: pd.DataFrame

    @property
    def digest(self) -> str:
        """What the evaluation is known by."""
        return str(self.run["digest"])


def make_record(
    choices: Choices,
    report: Mapping[str, Any],
    predictions: pd.DataFrame,
    days: int,
    commit: str,
    now: datetime,
) -> Record:
    """Return the rows of an evaluation.

    Args:
        choices: what it was asked for.
        report: the value of `report.json`.
        predictions: rows of `predictions.parquet`, of all models.
        days: how many last days of the shown model's forecasts are kept.
        commit: of the code.
        now: wall time, UTC.
    """
    shown = shown_model(report)
    digest = evaluation_digest(choices, predictions)
    covered = report["range"]
    run = {
        "digest": digest,
        "evaluated_at": now,
        "train_until": utc_time(choices.train_until_ms),
        "first_open_time": datetime.fromisoformat(covered["first_open_time"]),
        "last_open_time": datetime.fromisoformat(covered["last_open_time"]),
        "hours": covered["hours"],
        "rows_per_model": covered["rows_per_model"],
        "refit_hours": choices.refit_hours,
        "seeds": list(choices.seeds),
        "coins": covered["coins"],
        "stable_coins": covered["stable_coins"],
        "warnings": report["warnings"],
        "data_digest": choices.data_digest,
        "commit": commit,
        "shown_model": shown,
    }
    models = [
        model_row(model, place, figures)
        for place, (model, figures) in enumerate(ranked(report), start=1)
    ]
    return Record(run, models, last_days(predictions, shown, days))


def evaluation_digest(choices: Choices, predictions: pd.DataFrame) -> str:
    """Return SHA-256 of what was asked for and of all that was forecast, in whatever order.

    What it cost and which commit it was are left out: they say nothing of what was found.
    """
    asked = [choices.train_until_ms, choices.refit_hours, list(choices.seeds), choices.data_digest]
    digest = hashlib.sha256(json.dumps(asked).encode())
    # one model after the other: all of them sorted at once would be the frame a second time
    for _, rows in predictions.groupby("model", sort=True, observed=True):
        ordered = rows.sort_values(["symbol", "open_time"])
        for name in PREDICTION:
            hashes = pd.util.hash_pandas_object(ordered[name], index=False)
            digest.update(hashes.to_numpy().tobytes())
    return digest.hexdigest()


def shown_model(report: Mapping[str, Any]) -> str:
    """Return the champion, or without one the best model that is not the last price itself."""
    names = [model for model, _ in ranked(report)]
    if CHAMPION in names:
        return CHAMPION
    return next((name for name in names if name != BASELINE), BASELINE)


def model_row(model: str, place: int, figures: Mapping[str, Any]) -> Row:
    """Return the row of `evaluation_model` but for the digest.

    Args:
        model: its name.
        place: in the league, from 1.
        figures: its value in `report.json`.
    """
    seeds, cost = figures["seeds"], figures["cost"] or {}
    low, high = figures["da_interval"]
    return {
        "model": model,
        "place": place,
        **{name: figures[name] for name in _POOLED},
        **dict(zip(("rmae_low", "rmae_high"), figures["rmae_interval"], strict=True)),
        "da_low": low,
        "da_high": high,
        "da_se": None if low is None or high is None else (high - low) / INTERVAL_SES,
        "refused": figures["refused"]["share"],
        "seeds": seeds["count"],
        **{
            f"{name}_{part}": seeds["summary"].get(name, {}).get(part)
            for name in OVER_SEEDS
            for part in ("mean", "sd")
        },
        "fits": cost.get("refits"),
        **{name: cost.get(name) for name in ("fit_s", "score_s", "peak_mib")},
        "figures": dict(figures),
    }


def last_days(predictions: pd.DataFrame, model: str, days: int) -> pd.DataFrame:
    """Return a model's rows of the last days, columns `PREDICTION`, by coin and hour."""
    since = predictions["target_open_time"].max() - pd.Timedelta(days=days)
    is_kept = (predictions["model"] == model) & (predictions["target_open_time"] > since)
    rows = predictions.loc[is_kept, list(PREDICTION)]
    return rows.sort_values(["symbol", "open_time"], ignore_index=True)
