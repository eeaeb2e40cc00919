"""When a walk-forward fits and what each fit may know."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.names import DAY_MS, HOUR_MS
from model.evaluation.plan import PlanError, plan_folds
from model.evaluation.settings import EvaluationSettings

pytestmark = pytest.mark.unit

SETTINGS = EvaluationSettings()
FIRST = 1_500_000_000_000 // DAY_MS * DAY_MS
TEST_FROM = FIRST + 2000 * DAY_MS
LAST = TEST_FROM + 184 * DAY_MS - HOUR_MS


@given(
    lead=st.integers(1, 24 * 400),
    length=st.integers(1, 24 * 400),
    every=st.integers(1, 24 * 90).filter(lambda hours: hours >= 24),
)
def test_a_fit_knows_nothing_that_closed_later_than_48_hours_before_it(
    lead: int, length: int, every: int
) -> None:
    train_until = TEST_FROM - lead * HOUR_MS
    last = TEST_FROM + (length - 1) * HOUR_MS
    folds = plan_folds(FIRST, train_until, TEST_FROM, last, every * HOUR_MS, SETTINGS)
    for fold in folds:
        last_target_closed = fold.validation_until_ms - HOUR_MS + 2 * HOUR_MS
        assert last_target_closed <= fold.fitted_at_ms - 48 * HOUR_MS
        last_trained_target_closed = fold.train_until_ms - HOUR_MS + 2 * HOUR_MS
        assert last_trained_target_closed <= fold.validation_from_ms - 47 * HOUR_MS
        assert fold.validation_until_ms - fold.validation_from_ms == 60 * DAY_MS
        assert fold.train_until_ms - fold.train_from_ms <= SETTINGS.history_days * DAY_MS
        assert fold.test_from_ms == fold.fitted_at_ms
    # The last hour that --train-until lets the first fit see is a target at most.
    assert folds[0].validation_until_ms - HOUR_MS + HOUR_MS <= train_until
    edges = [(fold.test_from_ms, fold.test_until_ms) for fold in folds]
    assert edges[0][0] == TEST_FROM
    assert edges[-1][1] == last + HOUR_MS
    assert all(before[1] == after[0] for before, after in pairwise(edges))
    assert all(until - start <= every * HOUR_MS for start, until in edges)


def test_the_first_fit_uses_all_that_it_may() -> None:
    early = TEST_FROM - 30 * DAY_MS
    first, second, *_ = plan_folds(FIRST, early, TEST_FROM, LAST, 60 * DAY_MS, SETTINGS)
    assert first.validation_until_ms == early  # the row of the hour before has it as its target
    assert second.validation_until_ms == TEST_FROM + 60 * DAY_MS - 49 * HOUR_MS
    late = TEST_FROM - HOUR_MS
    first, *_ = plan_folds(FIRST, late, TEST_FROM, LAST, 60 * DAY_MS, SETTINGS)
    assert first.validation_until_ms == TEST_FROM - 49 * HOUR_MS


def test_a_history_below_a_year_validates_on_fewer_days() -> None:
    first = TEST_FROM - 200 * DAY_MS
    (fold,) = plan_folds(first, TEST_FROM - HOUR_MS, TEST_FROM, TEST_FROM, DAY_MS, SETTINGS)
    assert fold.validation_until_ms - fold.validation_from_ms == 14 * DAY_MS
    assert fold.train_from_ms == first


@pytest.mark.parametrize(
    ("first", "until", "start", "last", "every", "complaint"),
    [
        (FIRST, TEST_FROM - HOUR_MS, TEST_FROM, TEST_FROM - HOUR_MS, DAY_MS, "--test-until lies"),
        (FIRST, TEST_FROM, TEST_FROM, LAST, DAY_MS, "--train-until must lie before --test-from"),
        (FIRST, TEST_FROM - HOUR_MS, TEST_FROM, LAST, HOUR_MS + 1, "--refit-every"),
        (FIRST, TEST_FROM - HOUR_MS, TEST_FROM, LAST, 0, "--refit-every"),
        (TEST_FROM - 30 * DAY_MS, TEST_FROM - HOUR_MS, TEST_FROM, LAST, DAY_MS, "13 days earlier"),
    ],
)
def test_a_range_that_cannot_be_walked_is_one_line(
    first: int, until: int, start: int, last: int, every: int, complaint: str
) -> None:
    with pytest.raises(PlanError, match=complaint) as caught:
        plan_folds(first, until, start, last, every, SETTINGS)
    assert "\n" not in str(caught.value)
