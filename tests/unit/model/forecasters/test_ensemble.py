from __future__ import annotations

import numpy as np
import pytest

from model.dataset import Windows
from model.forecasters.boosting import GradientBoosting
from model.forecasters.ensemble import Ensemble
from model.forecasters.linear import Autoregression
from model.forecasters.naive import Naive
from model.forecasters.rule import ReversalRule

pytestmark = pytest.mark.unit


def test_it_is_the_mean_of_its_members(
    training: Windows, validation: Windows, later: Windows
) -> None:
    members = (Naive(), ReversalRule(), Autoregression())
    together = Ensemble("three", members).fit(training, validation, 1).quantiles(later)
    alone = [member.fit(training, validation, 1).quantiles(later) for member in members]
    np.testing.assert_allclose(together, np.mean(alone, axis=0), rtol=1e-12)
    assert (np.diff(together, axis=1) > 0).all()


def test_it_is_seeded_if_a_member_is() -> None:
    assert not Ensemble("a", (Naive(), ReversalRule())).is_seeded
    assert Ensemble("b", (Naive(), GradientBoosting())).is_seeded


def test_it_says_what_it_is_made_of() -> None:
    one, other = (Ensemble("a", (Naive(), GradientBoosting(trees=trees))) for trees in (5, 6))
    assert repr(one) != repr(other)
    assert repr(one) == repr(Ensemble("a", (Naive(), GradientBoosting(trees=5))))


def test_nobody_has_no_mean() -> None:
    with pytest.raises(ValueError, match="no members"):
        Ensemble("empty", ())
