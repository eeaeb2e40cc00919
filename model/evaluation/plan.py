"""When a walk-forward fits, what each fit may know, and which test hours are its own. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from conf.names import DAY_MS, HOUR_MS
from model.evaluation.settings import EvaluationSettings
from model.feature_spec import VOLATILITY_HOURS
from model.windows_plan import SHORT_HISTORY_DAYS

MIN_TRAIN_DAYS = 10


class PlanError(Exception):
    """The range cannot be walked; one line that says what to do."""


@dataclass(frozen=True)
class Fold:
    """One fit and its test hours; all bounds are open times of input hours, UTC epoch ms.

    The row of the input hour t knows the close of t and has the close of t + 1 h as its target, so
    that its outcome is known when t + 2 h begins.

    Attributes:
        number: from 0.
        fitted_at_ms: R, the moment of the fit.
        train_from_ms: first hour that trains.
        train_until_ms: first hour that does not train any more.
        validation_from_ms: first hour that validates.
        validation_until_ms: first hour that the fit knows nothing of.
        test_from_ms: first test hour; R itself.
        test_until_ms: first hour that is the next fit's.
    """

    number: int
    fitted_at_ms: int
    train_from_ms: int
    train_until_ms: int
    validation_from_ms: int
    validation_until_ms: int
    test_from_ms: int
    test_until_ms: int


def plan_folds(
    first_ms: int,
    train_until_ms: int,
    test_from_ms: int,
    test_until_ms: int,
    refit_every_ms: int,
    settings: EvaluationSettings,
) -> tuple[Fold, ...]:
    """Return the fits of a walk-forward, whose test hours follow each other without gap or overlap.

    A fit at R uses rows whose target candle closed before R − embargo. Nothing here depends on how
    far the data reaches.

    Args:
        first_ms: first hour of the history.
        train_until_ms: last hour that the first fit may see, as input or target.
        test_from_ms: first test hour, by its open time.
        test_until_ms: last test hour, inclusive.
        refit_every_ms: full hours between fits.
        settings: embargo, validation, history.

    Raises:
        PlanError: if the order of the times is wrong or the history before a fit too short.
    """
    if test_until_ms < test_from_ms:
        message = "--test-until lies before --test-from"
        raise PlanError(message)
    if train_until_ms >= test_from_ms:
        message = "--train-until must lie before --test-from: nothing is tested on what it saw"
        raise PlanError(message)
    if refit_every_ms <= 0 or refit_every_ms % HOUR_MS:
        message = "--refit-every must be one or more full hours, such as 60d"
        raise PlanError(message)
    end = test_until_ms + HOUR_MS
    folds = []
    for number, at in enumerate(range(test_from_ms, end, refit_every_ms)):
        bound = at - settings.embargo_hours * HOUR_MS
        if number == 0:
            bound = min(bound, train_until_ms + HOUR_MS)
        folds.append(_fold(number, at, bound, min(at + refit_every_ms, end), first_ms, settings))
    return tuple(folds)


def _fold(
    number: int,
    at_ms: int,
    bound_ms: int,
    test_until_ms: int,
    first_ms: int,
    settings: EvaluationSettings,
) -> Fold:
    """Return the fit that knows candles closed by `bound_ms`."""
    known_until = bound_ms - HOUR_MS  # the row of the last known hour has no target yet
    is_short = bound_ms - first_ms < SHORT_HISTORY_DAYS * DAY_MS
    days = settings.validation_days_short if is_short else settings.validation_days
    validation_from = known_until - days * DAY_MS
    train_until = validation_from - settings.embargo_hours * HOUR_MS
    needed = VOLATILITY_HOURS * HOUR_MS + MIN_TRAIN_DAYS * DAY_MS
    if train_until - first_ms < needed:
        lacking = -((train_until - first_ms - needed) // DAY_MS)
        message = (
            f"fit {number + 1} would know too little: the candles must begin {lacking} days "
            "earlier, or --test-from be later"
        )
        raise PlanError(message)
    train_from = max(first_ms, train_until - settings.history_days * DAY_MS)
    return Fold(
        number,
        at_ms,
        train_from,
        train_until,
        validation_from,
        known_until,
        at_ms,
        test_until_ms,
    )
