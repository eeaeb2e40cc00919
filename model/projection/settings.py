"""How the fan is simulated: chosen on origins up to 2024-06-30 (docs/evaluation.md), the same for all."""

from __future__ import annotations

from dataclasses import dataclass

LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantile levels of the fan, the columns q05 … q95."""

LONGEST_DAYS = 180
"""The seed paper's horizon; volatility itself has no memory beyond it."""


@dataclass(frozen=True)
class ProjectionSettings:
    """Volatility model, bootstrap and coins.

    Attributes:
        horizon_days: the fan has a row for each day from 1 to this.
        paths: simulated per origin; each counts twice, since its mirror image does, too.
        block_days: consecutive days that are drawn together.
        pool_days: shocks and coefficients come from at most so many last days.
        week_half_life: days, of the weekly component of log-volatility.
        month_half_life: days, of the monthly one.
        level_half_life: days, of the long-run level that volatility goes back to.
        min_days: a coin of fewer known days has no fan.
        short_days: one of fewer is marked, and borrows other coins' shocks.
        sample_paths: kept of each fan, for a chart.
        stable_symbols: have the rule of `model.projection.pegged`.
        lead_symbol: of the coins with the longest past, the one that others' levels are relative to.
    """

    horizon_days: int = LONGEST_DAYS
    paths: int = 4000
    block_days: int = 10
    pool_days: int = 3650
    week_half_life: float = 4.0
    month_half_life: float = 20.0
    level_half_life: float = 180.0
    min_days: int = 30
    short_days: int = 365
    sample_paths: int = 6
    stable_symbols: tuple[str, ...] = ("USDCUSDT",)
    lead_symbol: str = "BTCUSDT"
