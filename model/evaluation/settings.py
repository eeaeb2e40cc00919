"""How an evaluation is cut into fits: fixed before any test hour is read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class EvaluationSettings:
    """Bounds of fits; the same for all models.

    Attributes:
        history_days: a fit sees at most so many days before its validation; three years are
            enough (docs/evaluation.md), and older ones cost time.
        validation_days: last days before a fit's bound, which stop it early and choose λ.
        validation_days_short: the same where the history is shorter than a year.
        embargo_hours: between a refit and the last candle it knows, and between training and
            validation: the length of one sequence.
        chunk_hours: hours of features made at once, which bounds memory.
        stable_symbols: forecast by the rule of `model.stable`, not by the models.
        lead_symbol: whose returns are a feature of all coins.
        exogenous: names of hourly columns from outside of the market.
    """

    history_days: int = 1096
    validation_days: int = 60
    validation_days_short: int = 14
    embargo_hours: int = 48
    chunk_hours: int = 720
    stable_symbols: tuple[str, ...] = ("USDCUSDT",)
    lead_symbol: str = "BTCUSDT"
    exogenous: tuple[str, ...] = ()
