"""The section `projection` of `report.json`: plain values, and the fans that are drawn. Pure."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.evaluation.outcomes import Floats
from model.evaluation.projection.random_walk import DECAY
from model.evaluation.projection.scores import FAN, REPORTED, curve, score
from model.evaluation.projection.walk import STEP_DAYS, Projected
from model.projection.settings import LEVELS, ProjectionSettings

DRAWN_EVERY_DAYS = 3
MOST_FANS = 8


def make_section(projected: Projected, settings: ProjectionSettings, seed: int) -> dict[str, Any]:
    """Return the section; the same for the same candles and seed.

    Args:
        projected: what was said and what came.
        settings: of the simulation.
        seed: of all randomness.
    """
    horizons = [days for days in REPORTED if days <= settings.horizon_days]
    figures = [score(projected, days) for days in horizons]
    apart = [score(projected, days, stable=True) for days in horizons]
    return {
        "range": _range(projected, settings),
        "made_of": {
            "seed": seed,
            "paths": settings.paths,
            "block_days": settings.block_days,
            "pool_days": settings.pool_days,
            "baseline_decay": DECAY,
            "paper_fits": projected.fits,
        },
        "horizons": [one for one in figures if one is not None],
        "stable": [one for one in apart if one is not None],
        "curve": curve(projected),
        "drawn": _drawn(projected, settings),
    }


def verdict(figures: dict[str, Any]) -> str:
    """Return what one distance says: judged where history holds enough windows."""
    if not figures["is_judged"]:
        return f"not judged: {figures['windows']} windows"
    skill = figures[FAN]["pinball_skill"]
    return "no worse than the random walk" if skill >= 0 else "WORSE than the random walk"


def _range(projected: Projected, settings: ProjectionSettings) -> dict[str, Any]:
    has_fan = np.isfinite(projected.last_close)
    methods = {
        symbol: sorted({method for method in projected.method[:, column] if method is not None})
        for column, symbol in enumerate(projected.symbols)
    }
    return {
        "first_origin": _date(projected.origins[0]),
        "last_origin": _date(projected.origins[-1]),
        "step_days": STEP_DAYS,
        "origins": len(projected.origins),
        "horizon_days": settings.horizon_days,
        "coins": [name for name in projected.symbols if name not in projected.stable],
        "stable_coins": list(projected.stable),
        "origins_per_coin": {
            symbol: int(has_fan[:, column].sum()) for column, symbol in enumerate(projected.symbols)
        },
        "methods": methods,
    }


def _drawn(projected: Projected, settings: ProjectionSettings) -> dict[str, Any] | None:
    """Return fans of one coin that do not overlap, the newest last, and the closes that came."""
    volatile = [name for name in projected.symbols if name not in projected.stable]
    symbol = settings.lead_symbol if settings.lead_symbol in volatile else volatile[0]
    column = projected.symbols.index(symbol)
    rows = np.flatnonzero(np.isfinite(projected.last_close[:, column]))
    if not len(rows):
        return None
    apart = max(settings.horizon_days, STEP_DAYS)
    chosen = [int(rows[-1])]
    for row in rows[::-1]:
        if projected.origins[chosen[-1]] - projected.origins[row] >= apart:
            chosen.append(int(row))
    chosen = sorted(chosen[:MOST_FANS])
    days = np.unique(
        np.append(np.arange(1, settings.horizon_days + 1, DRAWN_EVERY_DAYS), settings.horizon_days)
    )
    return {
        "symbol": symbol,
        "horizon_days": days.tolist(),
        "fans": [_one(projected, row, column, days) for row in chosen],
    }


def _one(projected: Projected, row: int, column: int, days: Any) -> dict[str, Any]:
    def at(prices: Floats) -> list[float | None]:
        return [float(f"{price:.6g}") if np.isfinite(price) else None for price in prices[days - 1]]

    return {
        "origin": _date(projected.origins[row]),
        "last_close": float(projected.last_close[row, column]),
        **{
            f"q{round(100 * level):02d}": at(projected.fan[row, column, :, index])
            for index, level in enumerate(LEVELS)
        },
        "samples": [at(path) for path in projected.samples[row, column].T],
        "paper": at(projected.paper[row, column]),
        "actual": at(projected.actual[row, column]),
    }


def _date(day: int) -> str:
    return str(np.datetime64(int(day), "D"))
