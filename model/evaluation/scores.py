"""All figures of one model as one JSON value. Pure.

Pooled figures are over the volatile coins. Shares are in [0, 1], MAPE in percent, prices in quote
units; NaN stands where a figure has no meaning.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from model.evaluation import band_scores as bands
from model.evaluation import point_scores as points
from model.evaluation import significance
from model.evaluation.conditions import by_condition
from model.evaluation.outcomes import Floats, Forecasts

DM_THRESHOLD = 2.0
LEAK_DA = 0.57
LEAK_RMAE = 0.98
OVER_SEEDS = ("rmae", "da", "ic", "pinball_skill", "dm_t", "coverage_90", "width_90")

Scores = dict[str, Any]


def headline(forecasts: Forecasts) -> Scores:
    """Return the few figures that a seed, too, is judged by."""
    return {
        "rmae": float(points.mean_known(points.rmae_per_coin(forecasts))),
        "rmae_pooled": points.rmae_pooled(forecasts),
        "da": points.accuracy(forecasts),
        "ic": points.information_coefficient(forecasts),
        "pinball_skill": bands.pinball_skill(forecasts),
        "dm_t": significance.diebold_mariano(
            significance.absolute_difference(forecasts).difference
        ),
        "coverage_90": float(np.mean(bands.is_inside(forecasts, "90"))),
        "width_90": float(points.mean_known(bands.width_ratio(forecasts, "90"))),
    }


def score(forecasts: Forecasts) -> Scores:
    """Return every figure of one model over volatile coins.

    Args:
        forecasts: at least one row.

    Returns:
        keys in a fixed order; `is_better` says whether rMAE is below 1 with a DM t of at least
        `DM_THRESHOLD`.
    """
    figures = headline(forecasts)
    intervals = significance.bootstrap_intervals(forecasts)
    own, _ = points.absolute_errors(forecasts)
    own_rmse, naive_rmse = points.rmse_per_coin(forecasts)
    inside, coin_months = bands.share_of_coin_months_inside(forecasts)
    pinball = significance.pinball_difference(forecasts).difference
    per_month, per_quarter = by_month(forecasts), by_quarter(forecasts)
    return {
        **figures,
        "is_better": bool(figures["rmae"] < 1 and figures["dm_t"] >= DM_THRESHOLD),
        "rmae_interval": list(intervals["rmae"]),
        "da_interval": list(intervals["da"]),
        "dm_t_pinball": significance.diebold_mariano(pinball),
        "mape": points.mape(forecasts),
        "mae": float(np.mean(points.per_coin(own, forecasts.outcomes))),
        "rmse": float(np.mean(own_rmse)),
        "rmse_ratio": float(points.mean_known(points.ratio(own_rmse, naive_rmse))),
        "nrmse": float(points.mean_known(points.nrmse_per_coin(forecasts))),
        "pearson_r": float(points.mean_known(points.pearson_per_coin(forecasts))),
        "coverage_50": float(np.mean(bands.is_inside(forecasts, "50"))),
        "width_50": float(points.mean_known(bands.width_ratio(forecasts, "50"))),
        "coin_months_inside": inside,
        "coin_months": coin_months,
        "crossings": bands.crossed_rows(forecasts),
        "months_won": sum(month["rmae"] < 1 for month in per_month.values()),
        "months": len(per_month),
        "coin_months_won": _share_won(forecasts),
        "worst_quarter": _worst(per_quarter),
        "coins_won": int(np.sum(points.rmae_per_coin(forecasts) < 1)),
        "coins": len(forecasts.outcomes.coins),
        "refused": refusals(forecasts),
        "da_by_confidence": deciles(forecasts),
        "by_coin": by_coin(forecasts),
        "by_month": per_month,
        "by_quarter": per_quarter,
        "by_condition": by_condition(forecasts),
    }


def by_coin(forecasts: Forecasts) -> dict[str, Scores]:
    """Return the figures of each coin; also those of a stable one, where `da` says little."""
    outcomes = forecasts.outcomes
    own, naive = points.absolute_errors(forecasts)
    own_rmse, naive_rmse = points.rmse_per_coin(forecasts)
    own_pinball, naive_pinball = bands.pinball_per_coin(forecasts)
    product = np.sign(forecasts.predicted_returns) * np.sign(outcomes.returns)
    columns: dict[str, Floats] = {
        "rows": np.bincount(outcomes.coin).astype(np.float64),
        "rmae": points.rmae_per_coin(forecasts),
        "mae": points.per_coin(own, outcomes),
        "naive_mae": points.per_coin(naive, outcomes),
        "mape": points.per_coin(100.0 * own / outcomes.actual, outcomes),
        "rmse": own_rmse,
        "rmse_ratio": points.ratio(own_rmse, naive_rmse),
        "nrmse": points.nrmse_per_coin(forecasts),
        "pearson_r": points.pearson_per_coin(forecasts),
        "da": points.per_coin((product + 1.0) / 2.0, outcomes),
        "pinball_skill": 1.0 - points.ratio(own_pinball, naive_pinball),
        "coverage_50": points.per_coin(bands.is_inside(forecasts, "50"), outcomes),
        "coverage_90": points.per_coin(bands.is_inside(forecasts, "90"), outcomes),
        "width_90": bands.width_ratio(forecasts, "90"),
        "refused": points.per_coin(forecasts.is_refused.astype(np.float64), outcomes),
    }
    monthly = bands.coverage_per_coin_month(forecasts, "90")
    labels = points.months(outcomes).labels
    return {
        coin: {
            **{name: float(values[index]) for name, values in columns.items()},
            "rows": int(columns["rows"][index]),
            "coverage_90_by_month": {
                label: float(value)
                for label, value in zip(labels, monthly[index], strict=True)
                if np.isfinite(value)
            },
        }
        for index, coin in enumerate(outcomes.coins)
    }


def by_month(forecasts: Forecasts) -> dict[str, Scores]:
    """Return rMAE (mean over coins), rows and coverages by month."""
    periods = points.months(forecasts.outcomes)
    figures = _by_period(forecasts, periods)
    for band in bands.BANDS:
        for label, value in zip(
            periods.labels, bands.coverage_per_month(forecasts, band, periods), strict=True
        ):
            figures[label][f"coverage_{band}"] = float(value)
    return figures


def by_quarter(forecasts: Forecasts) -> dict[str, Scores]:
    """Return rMAE (mean over coins), rows and directional accuracy by quarter."""
    periods = points.quarters(forecasts.outcomes)
    figures = _by_period(forecasts, periods)
    product = np.sign(forecasts.predicted_returns) * np.sign(forecasts.outcomes.returns)
    hits = np.bincount(periods.code, (product + 1.0) / 2.0)
    for index, label in enumerate(periods.labels):
        figures[label]["da"] = float(hits[index] / figures[label]["rows"])
    return figures


def deciles(forecasts: Forecasts) -> list[Scores]:
    """Return rows and directional accuracy by decile of confidence, the least confident first."""
    shares, rows = points.accuracy_by_confidence(forecasts)
    return [
        {"rows": int(count), "da": float(share)} for share, count in zip(shares, rows, strict=True)
    ]


def refusals(forecasts: Forecasts) -> Scores:
    """Return the share of refused rows, and of each reason."""
    reasons, counts = np.unique(
        forecasts.reason[forecasts.is_refused].astype(str), return_counts=True
    )
    return {
        "share": float(np.mean(forecasts.is_refused)),
        "reasons": {
            reason or "not given": float(count / len(forecasts.outcomes))
            for reason, count in zip(reasons, counts, strict=True)
        },
    }


def over_seeds(headlines: Sequence[Mapping[str, float]]) -> dict[str, Scores]:
    """Return mean and standard deviation over seeds (n - 1; NaN for a single one) of each figure."""
    summary = {}
    for name in OVER_SEEDS:
        values = np.array([figures[name] for figures in headlines])
        summary[name] = {
            "mean": float(np.mean(values)),
            "sd": float(np.std(values, ddof=1)) if len(values) > 1 else float("nan"),
        }
    return summary


def leaks(model: str, figures: Mapping[str, float]) -> list[str]:
    """Return a warning for each figure that is too good to be true of one hour ahead."""
    told = []
    if figures["da"] > LEAK_DA:
        told.append(
            f"directional accuracy {100 * figures['da']:.1f} %, above {100 * LEAK_DA:.0f} %"
        )
    if figures["rmae"] < LEAK_RMAE:
        told.append(f"rMAE {figures['rmae']:.4f}, below {LEAK_RMAE}")
    return [f"{model}: {text}: a leak until proven otherwise" for text in told]


def _by_period(forecasts: Forecasts, periods: points.Periods) -> dict[str, Scores]:
    rmae = points.mean_known(points.rmae_per_coin_and_period(forecasts, periods), axis=0)
    rows = np.bincount(periods.code, minlength=len(periods.labels))
    return {
        label: {"rows": int(rows[index]), "rmae": float(rmae[index])}
        for index, label in enumerate(periods.labels)
    }


def _share_won(forecasts: Forecasts) -> float:
    """Return the share of coin-months with rMAE below 1."""
    rmae = points.rmae_per_coin_and_period(forecasts, points.months(forecasts.outcomes))
    known = rmae[np.isfinite(rmae)]
    return float(np.mean(known < 1)) if len(known) else float("nan")


def _worst(per_quarter: Mapping[str, Scores]) -> Scores:
    known = [
        (label, figures["rmae"])
        for label, figures in per_quarter.items()
        if np.isfinite(figures["rmae"])
    ]
    if not known:
        return {"quarter": None, "rmae": float("nan")}
    label, rmae = max(known, key=lambda pair: pair[1])
    return {"quarter": label, "rmae": rmae}
