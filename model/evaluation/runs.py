"""What it cost to get one model's forecasts: the measured side of a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """The cost of one model with one seed over a whole test range.

    Attributes:
        model: as in the column `model` of the predictions, without a seed's suffix.
        seed: of all randomness; 0 for a model that does not depend on it.
        fit_s: seconds of all fits together, on one core unless the model says otherwise.
        score_s: seconds of all scoring together, without reading the rows.
        peak_mib: highest resident memory of the process that did it, in MiB.
        refits: how many times it was fitted.
    """

    model: str
    seed: int
    fit_s: float
    score_s: float
    peak_mib: int
    refits: int
