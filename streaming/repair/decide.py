"""Whether a rebuilt hour replaces the one that is there, and under which revision. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from conf.contracts.candles import Candle
from streaming.candles.revisions import Current
from streaming.reconcile.compare import FIGURES

SETTLED = ("complete", "quiet")


class Step(StrEnum):
    """What to do with a rebuilt hour."""

    STORE = "store"
    """It says something else: it becomes the next revision."""
    RESTORE = "restore"
    """It says the same: no revision, but files and messages that were lost are written again."""
    KEEP = "keep"
    """It knows less than what is there, which stays."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and the revision that the hour has afterwards."""

    step: Step
    revision: int


def decide(current: Current | None, rebuilt: Candle, gap_ids: int) -> Decision:
    """Return what becomes of a rebuilt hour.

    A rebuilt hour that lacks ids never replaces one that has more of them, or that the exchange
    confirmed. Anything else that says something new of the figures or the verdict is the next
    revision, whoever made the current one; who made it or who bore witness is nothing new.

    Args:
        current: the newest row of the hour; None without one.
        rebuilt: the judged candle, revision not set.
        gap_ids: how many ids of it could not be had.
    """
    if current is None or not current.is_final:
        return Decision(Step.STORE, 1)
    known = current.candle
    if same_figures(known, rebuilt):
        return Decision(Step.RESTORE, known.revision)
    knows_less = known.verdict in SETTLED or known.trades >= rebuilt.trades
    if gap_ids and knows_less:
        return Decision(Step.KEEP, known.revision)
    return Decision(Step.STORE, known.revision + 1)


def same_figures(one: Candle, other: Candle) -> bool:
    """Tell whether two candles say the same of the hour, whoever made them."""
    names = (*FIGURES, "verdict", "reason")
    return all(getattr(one, name) == getattr(other, name) for name in names)
