"""How the fan did, by days ahead: skill, coverage, median, and on how many windows that rests. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from conf.names import DAY_MS
from model.evaluation import band_scores
from model.evaluation.outcomes import Floats, Forecasts, Ints, Outcomes, only
from model.evaluation.point_scores import absolute_errors, ratio, rmae_pooled
from model.evaluation.projection.walk import STEP_DAYS, Projected
from model.evaluation.significance import DRAWS, INTERVAL

FAN = "fan"
WALK = "random walk"
PAPER = "paper"

REPORTED = (1, 7, 30, 90, 180)
JUDGED = (1, 7, 30)
"""Days ahead that history holds enough windows of; farther ones are reported and not judged."""


def score(projected: Projected, days: int, *, stable: bool = False) -> dict[str, Any] | None:
    """Return the figures for one distance; None where nothing has come yet.

    Args:
        projected: what was said and what came.
        days: ahead, from 1.
        stable: of the stable coins instead of the volatile ones.
    """
    fan = forecasts(projected, FAN, days, stable=stable)
    if fan is None:
        return None
    random_walk = forecasts(projected, WALK, days, stable=stable)
    assert random_walk is not None
    windows = independent_windows(fan.outcomes.open_ms, days)
    return {
        "horizon_days": days,
        "rows": len(fan.outcomes),
        "origins": len(np.unique(fan.outcomes.open_ms)),
        "windows": windows,
        "is_judged": days in JUDGED,
        FAN: {**_bands(fan), "pinball_skill_interval": skill_interval(fan, days)},
        WALK: _bands(random_walk),
        PAPER: _point(projected, days, fan.outcomes.coins),
        "by_coin": _by_coin(projected, fan, days),
    }


def curve(projected: Projected) -> list[dict[str, Any]]:
    """Return skill and coverage of the volatile coins for each day ahead, as far as anything came."""
    points = []
    for days in range(1, projected.actual.shape[2] + 1):
        fan = forecasts(projected, FAN, days)
        if fan is not None:
            points.append({"horizon_days": days, **_coverage(fan), "pinball_skill": _skill(fan)})
    return points


def forecasts(
    projected: Projected, model: str, days: int, *, stable: bool = False
) -> Forecasts | None:
    """Return one model's forecasts so many days ahead, where the close came; None without any."""
    is_stable = np.isin(np.array(projected.symbols), projected.stable)
    actual = projected.actual[:, :, days - 1]
    is_row = np.isfinite(actual) & np.isfinite(projected.last_close) & (is_stable == stable)
    # by coin, then by origin: the order that all scores expect
    coin, row = np.nonzero(is_row.T)
    if not len(coin):
        return None
    seen, code = np.unique(coin, return_inverse=True)
    quantiles = {FAN: projected.fan, WALK: projected.walk}
    outcomes = Outcomes(
        coins=tuple(projected.symbols[column] for column in seen),
        coin=code.astype(np.int64),
        open_ms=projected.origins[row] * DAY_MS,
        last_close=projected.last_close[row, coin],
        actual=actual[row, coin],
        baseline=projected.walk[row, coin, days - 1],
    )
    return Forecasts(
        model,
        outcomes,
        quantiles[model][row, coin, days - 1],
        np.zeros(len(coin), dtype=bool),
        np.full(len(coin), "", dtype=object),
    )


def independent_windows(origin_ms: Ints, days: int) -> int:
    """Return how many of the windows can be laid one after the other without overlap."""
    span = (int(origin_ms.max()) - int(origin_ms.min())) // DAY_MS
    return span // max(days, STEP_DAYS) + 1


def skill_interval(fan: Forecasts, days: int) -> tuple[float, float]:
    """Return the 95 % interval of the pooled pinball skill.

    Percentile bootstrap of blocks of origins with all their coins, each block as long as the windows
    overlap; the last origin is followed by the first (Politis and Romano 1992). The draws are the same
    in every run. NaN where there are fewer than two blocks: nothing is known then.
    """
    outcomes = fan.outcomes
    origins, code = np.unique(outcomes.open_ms, return_inverse=True)
    block = -(-days // STEP_DAYS)
    if len(origins) < 2 * block:
        return float("nan"), float("nan")
    shape = len(origins), len(outcomes.coins)
    cell = code * shape[1] + outcomes.coin
    own, walk, scale = (
        np.bincount(cell, values, shape[0] * shape[1]).reshape(shape)
        for values in (
            band_scores.pinball_rows(fan.quantiles, outcomes),
            band_scores.pinball_rows(outcomes.baseline, outcomes),
            np.abs(outcomes.returns),
        )
    )
    times = _times(len(origins), block)
    scales = times @ scale
    losses = [np.nansum(ratio(times @ part, scales), axis=1) for part in (own, walk)]
    low, high = np.nanquantile(1.0 - ratio(*losses), INTERVAL)
    return float(low), float(high)


def _times(count: int, block: int) -> Floats:
    """Return (draws, origins): how many times each origin is in each draw."""
    blocks = -(-count // block)
    starts = np.random.default_rng(0).integers(count, size=(DRAWS, blocks))
    drawn = (starts[:, :, None] + np.arange(block)) % count
    drawn = drawn.reshape(DRAWS, -1)[:, :count]
    times = np.zeros((DRAWS, count))
    np.add.at(times, (np.arange(DRAWS)[:, None], drawn), 1.0)
    return times


def _skill(one: Forecasts) -> float:
    return band_scores.pinball_skill(one)


def _coverage(one: Forecasts) -> dict[str, float]:
    return {
        f"coverage_{band}": float(band_scores.is_inside(one, band).mean())
        for band in band_scores.BANDS
    }


def _bands(one: Forecasts) -> dict[str, Any]:
    return {
        "pinball_skill": _skill(one),
        **_coverage(one),
        "width_90": float(np.nanmean(band_scores.width_ratio(one, "90"))),
        "mae": _mae(one),
        "rmae": rmae_pooled(one),
        "crossings": band_scores.crossed_rows(one),
    }


def _mae(one: Forecasts) -> float:
    error, _ = absolute_errors(one)
    return float(np.mean(error / one.outcomes.last_close))


def _by_coin(projected: Projected, fan: Forecasts, days: int) -> dict[str, Any]:
    figures = {}
    for coin in fan.outcomes.coins:
        own = only(fan, [coin])
        figures[coin] = {
            "rows": len(own.outcomes),
            "windows": independent_windows(own.outcomes.open_ms, days),
            **_bands(own),
            PAPER: _point(projected, days, [coin]),
        }
    return figures


def _point(projected: Projected, days: int, coins: Sequence[str]) -> dict[str, Any] | None:
    """Return the errors of the paper's model, which says a price and no band; None without any."""
    is_coin = np.isin(np.array(projected.symbols), coins)
    said = projected.paper[:, :, days - 1]
    actual = projected.actual[:, :, days - 1]
    is_row = np.isfinite(said) & np.isfinite(actual) & is_coin
    if not is_row.any():
        return None
    last = projected.last_close[is_row]
    error = np.abs(said[is_row] - actual[is_row]) / last
    naive = np.abs(last - actual[is_row]) / last
    return {
        "rows": int(is_row.sum()),
        "mae": float(error.mean()),
        "rmae": float(ratio(error.sum(), naive.sum())),
    }
