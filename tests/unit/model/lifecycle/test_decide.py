"""What happens next in the life of the versions: one rule, one test; and what may never happen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.lifecycle import LifecycleSettings
from conf.names import HOUR_MS
from model.lifecycle.decide import Step, decide
from model.lifecycle.standing import Record, Standing, Version

pytestmark = pytest.mark.unit

NOW = 500_000 * HOUR_MS
SETTINGS = LifecycleSettings()
FINE = Record(hours=100, pinball=97.0, naive_pinball=100.0, runs=100)


def version(name: str, status: str = "candidate", age_h: int = 1, **changes: object) -> Version:
    known = NOW - age_h * HOUR_MS
    made = Version(name, status, known, known + 14 * 24 * HOUR_MS)  # type: ignore[arg-type]
    return replace(made, **changes)


OLD, YOUNG = 200, 30
CHAMPION = version("champion", "champion", OLD)


def standing(*others: Version, **changes: object) -> Standing:
    made = Standing(NOW, (CHAMPION, *others), champion="champion", champion_record=FINE)
    return replace(made, **changes)


def step(now: Standing) -> tuple[str, str | None] | None:
    found = decide(now, SETTINGS)
    return (found.kind, found.version) if found else None


def in_shadow(record: Record, champion: Version = CHAMPION, **changes: object) -> Standing:
    challenger = version("challenger", "shadow", YOUNG, **changes)
    return Standing(
        NOW,
        (champion, challenger),
        champion=champion.name,
        champion_record=FINE,
        shadow="challenger",
        shadow_record=record,
    )


# ---- training ---------------------------------------------------------------------------------------


def test_without_any_version_a_training_is_asked_for_once_a_day() -> None:
    assert step(Standing(NOW)) == ("train", None)
    assert step(Standing(NOW, asked_at_ms=NOW - HOUR_MS)) is None
    assert step(Standing(NOW, asked_at_ms=NOW - 24 * HOUR_MS)) == ("train", None)


@pytest.mark.parametrize(("age_h", "expected"), [(23, None), (24, ("train", None))])
def test_trained_again_a_day_after_the_newest_version(
    age_h: int, expected: tuple[str, None] | None
) -> None:
    newest = version("newest", "previous", age_h)
    assert step(standing(newest)) == expected


def test_one_training_at_a_time_and_none_while_a_challenger_is_tried() -> None:
    assert step(standing(is_training=True)) is None
    assert step(in_shadow(Record(hours=1, runs=1))) is None


def test_a_training_that_failed_is_not_repeated_at_once() -> None:
    assert step(standing(asked_at_ms=NOW - 2 * HOUR_MS)) is None


def test_drift_asks_for_a_training_and_for_nothing_else() -> None:
    settings = LifecycleSettings(retrain_every_hours=400, drift_spacing_hours=48)
    fresh = standing(drift=("input volatility_6h: stability index 0.40",))
    found = decide(fresh, settings)
    assert found == Step("train", None, "drift: input volatility_6h: stability index 0.40")
    assert decide(replace(fresh, drift=()), settings) is None
    assert decide(replace(fresh, asked_at_ms=NOW - 47 * HOUR_MS), settings) is None


# ---- candidates -------------------------------------------------------------------------------------


def test_the_newest_candidate_is_tried_and_older_ones_are_overtaken() -> None:
    older, newer = version("older", age_h=30), version("newer", age_h=2)
    assert step(standing(older, newer)) == ("reject", "older")
    assert step(standing(newer)) == ("shadow", "newer")


def test_a_candidate_that_the_gate_refuses_is_never_tried() -> None:
    bad = version("bad", faults=("rMAE 1.0100 is not below 1",))
    assert decide(standing(bad), SETTINGS) == Step("reject", "bad", "rMAE 1.0100 is not below 1")


def test_a_candidate_that_expired_is_never_tried() -> None:
    assert step(standing(version("stale", age_h=15 * 24))) == ("reject", "stale")


# ---- the shadow -------------------------------------------------------------------------------------


def test_a_challenger_is_tried_for_two_days() -> None:
    assert step(in_shadow(Record(hours=47, pinball=46, naive_pinball=47, runs=47))) is None
    full = Record(hours=48, pinball=47, naive_pinball=48, runs=48)
    assert step(in_shadow(full)) == ("promote", "challenger")


@pytest.mark.parametrize("harm", [{"failures": 1}, {"insane": 1}])
def test_one_error_in_the_shadow_is_one_too_many(harm: dict[str, int]) -> None:
    record = replace(Record(hours=10, runs=10), **harm)
    assert step(in_shadow(record)) == ("reject", "challenger")


def test_the_reason_tells_what_the_champion_did_in_the_same_hours() -> None:
    full = Record(hours=48, pinball=47, naive_pinball=48, runs=48)
    beside = Record(hours=48, pinball=50, naive_pinball=48)
    found = decide(replace(in_shadow(full), beside_shadow=beside), SETTINGS)
    assert found is not None
    assert found.reason.startswith(
        "48 h in the shadow, pinball loss -2.08% against the baseline (the champion's +4.17%)"
    )


def test_a_young_champion_is_replaced_only_by_a_better_one() -> None:
    young = version("champion", "champion", 60)
    full = Record(hours=48, pinball=47, naive_pinball=48, runs=48)
    assert step(in_shadow(full, young)) == ("reject", "challenger")
    assert step(in_shadow(full, young, is_better=True)) == ("promote", "challenger")


def test_a_bootstrap_is_replaced_by_whatever_is_not_worse() -> None:
    first = version("champion", "bootstrap", 60, is_bootstrap=True)
    full = Record(hours=48, pinball=47, naive_pinball=48, runs=48)
    assert step(in_shadow(full, first)) == ("promote", "challenger")


def test_a_challenger_that_expires_in_the_shadow_is_rejected() -> None:
    assert step(in_shadow(Record(hours=3, runs=3), expires_ms=NOW)) == ("reject", "challenger")


# ---- rollback ---------------------------------------------------------------------------------------

PREVIOUS = version("before", "previous", OLD + 50)


def test_a_champion_that_does_harm_gives_way_before_anything_else() -> None:
    harm = Record(hours=72, pinball=106.0, naive_pinball=100.0, runs=72)
    now = standing(PREVIOUS, version("candidate"), previous="before", champion_record=harm)
    found = decide(now, SETTINGS)
    assert found is not None
    assert (found.kind, found.version) == ("roll_back", "before")
    assert "champion: pinball loss +6.0%" in found.reason


@pytest.mark.parametrize(
    "record",
    [
        Record(hours=71, pinball=106.0, naive_pinball=100.0),  # too few to tell
        Record(hours=11, pinball=300.0, naive_pinball=100.0),  # one move of all coins at once
        Record(hours=71, pinball=129.9, naive_pinball=100.0),  # not gross
        Record(hours=168, pinball=104.9, naive_pinball=100.0),  # not beyond the bound
    ],
)
def test_noise_rolls_nothing_back(record: Record) -> None:
    now = standing(PREVIOUS, previous="before", champion_record=record, is_training=True)
    assert step(now) is None


def test_gross_harm_is_not_waited_for() -> None:
    gross = Record(hours=12, pinball=131.0, naive_pinball=100.0)
    now = standing(PREVIOUS, previous="before", champion_record=gross)
    found = decide(now, SETTINGS)
    assert found is not None
    assert (found.kind, found.version) == ("roll_back", "before")
    assert "pinball loss +31.0% against the last close with EWMA bands over 12 h" in found.reason


def test_a_fault_rolls_back_at_once() -> None:
    now = standing(PREVIOUS, previous="before", champion_record=replace(FINE, failures=1))
    assert step(now) == ("roll_back", "before")


@pytest.mark.parametrize("status", ["rejected", "retired"])
def test_never_back_to_what_was_rejected(status: str) -> None:
    gone = replace(PREVIOUS, status=status)
    now = standing(
        gone, previous="before", champion_record=replace(FINE, failures=1), is_training=True
    )
    assert step(now) is None


def test_without_a_version_before_the_guard_and_the_expiry_are_what_is_left() -> None:
    now = standing(champion_record=replace(FINE, failures=5), is_training=True)
    assert step(now) is None


# ---- tidying up -------------------------------------------------------------------------------------


def test_the_oldest_spare_version_goes_beyond_those_that_are_kept() -> None:
    spare = [version(f"v{age}", "previous", age) for age in (300, 290, 280, 270, 260)]
    now = standing(PREVIOUS, *spare, previous="before", is_training=True)
    assert step(now) == ("retire", "v300")
    assert step(standing(PREVIOUS, *spare[2:], previous="before", is_training=True)) is None


STATUSES = st.sampled_from(["candidate", "shadow", "bootstrap", "champion", "previous", "rejected"])
VERSIONS = st.lists(
    st.builds(
        version,
        st.sampled_from("abcdefgh"),
        STATUSES,
        st.integers(0, 600),
        faults=st.sampled_from([(), ("a fault",)]),
        is_better=st.booleans(),
    ),
    max_size=6,
    unique_by=lambda one: one.name,
)
RECORDS = st.builds(
    Record,
    st.integers(0, 200),
    st.floats(0, 200),
    st.floats(0.1, 200),
    st.integers(0, 200),
    st.integers(0, 1),
    st.integers(0, 1),
)


@given(
    VERSIONS,
    st.sampled_from([*"abcdefgh", None]),
    st.sampled_from([*"abcdefgh", None]),
    st.sampled_from([*"abcdefgh", None]),
    RECORDS,
    RECORDS,
    st.booleans(),
    st.sampled_from([(), ("drift",)]),
)
def test_whatever_the_standing_a_step_is_sound(
    versions: list[Version],
    champion: str | None,
    previous: str | None,
    shadow: str | None,
    own: Record,
    tried: Record,
    is_training: bool,
    drift: tuple[str, ...],
) -> None:
    now = Standing(
        NOW,
        tuple(versions),
        champion=champion,
        previous=previous,
        shadow=shadow,
        champion_record=own,
        shadow_record=tried,
        is_training=is_training,
        drift=drift,
    )
    found = decide(now, SETTINGS)
    if found is None:
        return
    named = now.version(found.version)
    if found.kind == "train":
        assert not is_training
        assert found.version is None
        return
    assert named is not None
    assert found.reason
    if found.kind == "shadow":
        assert named.status == "candidate"
        assert not named.faults
        assert shadow is None
    if found.kind == "promote":
        assert named.name == shadow
        assert not tried.failures
        assert not tried.insane
        assert tried.hours >= SETTINGS.shadow_hours
        assert named.expires_ms > NOW
    if found.kind == "roll_back":
        assert named.name == previous != champion
        assert named.status not in ("rejected", "retired")
    if found.kind == "retire":
        assert named.name not in (champion, previous, shadow)
