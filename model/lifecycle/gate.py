"""What a new version must show before it may be tried: judged on the windows that chose it. Pure.

The windows stopped its training early, which flatters it a little; the champion that it is compared
with was chosen on nearly the same ones. What it is worth beyond them, the shadow shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.comparison import Comparison
from model.validation import TOLERANCE

MAX_COIN_RMAE = 1.003
COVERAGE = (0.85, 0.95)
"""Of the 90 % band before it is calibrated: the calibration mends a few percent, not a wrong band."""

MAX_RMAE_LOSS = 0.0005
MAX_PINBALL_LOSS = 0.002
"""What it may be worse by than the champion: about the gain of a month's newer data.

Upper bounds of the difference; lower ones of a short history, whose two weeks of validation cannot tell
equal models from worse ones: with the upper bound two of two equal ones were refused. It is refused if it is
worse beyond doubt, and the shadow shows the rest.
"""


def faults(manifest: Mapping[str, Any]) -> tuple[str, ...]:
    """Return why a version may not be tried, one line each; empty if it may.

    Args:
        manifest: of the version.
    """
    metrics = manifest["metrics"]
    found = []
    if metrics["crossings"]:
        found.append(f"quantiles cross in {metrics['crossings']} windows")
    if metrics["val_pinball"] > metrics["ewma_pinball"] + TOLERANCE:
        found.append(
            f"pinball loss {metrics['val_pinball']:.5f} is above {metrics['ewma_pinball']:.5f} of "
            "the last close with EWMA bands"
        )
    is_short = manifest["is_short_history"]
    if not is_short:
        found += _faults_of_skill(metrics)
    return tuple(found + _faults_beside(against(manifest), is_short))


def against(manifest: Mapping[str, Any]) -> Comparison | None:
    """Return the comparison with the champion of then; None if there was none to compare with."""
    value = manifest.get("against")
    return Comparison.from_dict(value) if value else None


def is_better(manifest: Mapping[str, Any]) -> bool:
    """Tell whether a version is better than the champion of then, beyond doubt."""
    found = against(manifest)
    return found is not None and found.pinball_high < 0 and found.rmae <= 0


def _faults_of_skill(metrics: Mapping[str, Any]) -> list[str]:
    found = []
    if metrics["val_rmae"] >= 1:
        found.append(f"rMAE {metrics['val_rmae']:.4f} is not below 1")
    low, high = COVERAGE
    if not low <= metrics["val_coverage"] <= high:
        found.append(f"{metrics['val_coverage']:.1%} inside the 90 % band")
    found += [
        f"{symbol}: rMAE {value:.4f}"
        for symbol, value in sorted(metrics["rmae"].items())
        if value > MAX_COIN_RMAE
    ]
    return found


def _faults_beside(found: Comparison | None, is_short: bool) -> list[str]:
    if found is None:
        return []
    if is_short:
        verb, end, rmae, pinball = "is", " at least", found.rmae_low, found.pinball_low
    else:
        verb, end, rmae, pinball = "may be", "", found.rmae_high, found.pinball_high
    lines = []
    if rmae > MAX_RMAE_LOSS:
        lines.append(f"rMAE {verb} worse than {found.champion}'s by {rmae:.4f}{end}")
    if pinball > MAX_PINBALL_LOSS:
        lines.append(f"pinball {verb} worse than {found.champion}'s by {pinball:.2%}{end}")
    return lines
