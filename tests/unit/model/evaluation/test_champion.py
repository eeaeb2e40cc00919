"""The composition on made-up rows: what it does to bands, to a harmful member, and when it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest

from conf.champion import ChampionSettings
from conf.names import HOUR_MS
from model.evaluation.champion import Champion, Composition, Said, compose
from model.evaluation.predictions import Ground
from model.evaluation.rows import Rows
from model.feature_spec import FeatureSpec
from model.forecasters.families import FORECASTERS
from tests.support.model_history import START_MS

pytestmark = pytest.mark.unit

Floats = npt.NDArray[np.float64]

SYMBOLS = ("BTCUSDT", "ETHUSDT", "USDCUSDT")
STABLE = SYMBOLS.index("USDCUSDT")
VALIDATION, TEST = 700, 2600
"""Hours; the test hours follow a gap of 48."""
NORMAL = np.array([-1.6449, -0.6745, 0.0, 0.6745, 1.6449])
MEMBERS = ("rule", "lad")


def made_rows(seed: int = 0) -> Rows:
    """Return hours of three coins with normal z, every test hour known."""
    hours = VALIDATION + 48 + TEST
    rng = np.random.default_rng(seed)
    count = hours * len(SYMBOLS)
    coin = np.tile(np.arange(len(SYMBOLS), dtype=np.int32), hours)
    sigma = np.where(coin == STABLE, 1e-4, 0.005)
    close = np.where(coin == STABLE, 1.0, 100.0)
    z = rng.standard_normal(count)
    volatile = coin != STABLE
    return Rows(
        spec=FeatureSpec(SYMBOLS, "BTCUSDT", ("USDCUSDT",)),
        open_time_ms=START_MS + HOUR_MS * np.repeat(np.arange(hours, dtype=np.int64), len(SYMBOLS)),
        coin=coin,
        sigma=sigma,
        close=close,
        next_close=close * np.exp(sigma * z),
        z=z,
        week_ago=np.full(count, np.nan),
        reason=np.full(count, None, dtype=object),
        feature=np.where(volatile, np.cumsum(volatile) - 1, -1),
        sequence=np.empty((0, 0), dtype=np.float32),
        static=np.empty((0, 0), dtype=np.float32),
    )


def made_grounds(rows: Rows, fits: int = 1, stable_width: float = 1.0) -> list[Ground]:
    """Return `fits` grounds that share the test hours; the rule's bands are `stable_width` right."""
    hour = (rows.open_time_ms - START_MS) // HOUR_MS
    volatile = rows.coin != STABLE
    validation = np.flatnonzero(volatile & (hour < VALIDATION))
    stable_validation = np.flatnonzero(~volatile & (hour < VALIDATION))
    ends = VALIDATION + 48 + np.linspace(0, TEST, fits + 1).astype(int)
    return [
        Ground(
            train=np.array([], dtype=np.int64),
            validation=validation,
            tested=(tested := np.flatnonzero((hour >= first) & (hour < last))),
            featured=rows.feature[tested] >= 0,
            baseline=prices(rows, tested, np.tile(NORMAL, (len(tested), 1))),
            stable=np.where(
                volatile[tested][:, None],
                np.nan,
                prices(rows, tested, np.tile(stable_width * NORMAL, (len(tested), 1))),
            ),
            stable_validation=stable_validation,
            stable_seed=prices(
                rows, stable_validation, np.tile(stable_width * NORMAL, (len(stable_validation), 1))
            ),
        )
        for first, last in pairwise(ends.tolist())
    ]


def prices(rows: Rows, chosen: npt.NDArray[np.int64], quantiles: Floats) -> Floats:
    found: Floats = rows.close[chosen][:, None] * np.exp(rows.sigma[chosen][:, None] * quantiles)
    return found


def saying(grounds: Sequence[Ground], quantiles: Floats) -> list[list[Said]]:
    """Return what members say that all know the quantiles (all rows, levels)."""
    return [
        [Said(quantiles[ground.asked], quantiles[ground.validation]) for _ in MEMBERS]
        for ground in grounds
    ]


def made_champion(**settings: bool) -> Champion:
    chosen = ChampionSettings.model_validate({"members": MEMBERS, **settings})
    return Champion(tuple(FORECASTERS[name] for name in chosen.members), chosen)


def composed(
    rows: Rows, grounds: Sequence[Ground], quantiles: Floats, **settings: bool
) -> tuple[Floats, Composition]:
    parts, composition = compose(
        made_champion(**settings), rows, grounds, saying(grounds, quantiles)
    )
    return np.concatenate(parts), composition


def constant(rows: Rows, width: float = 1.0) -> Floats:
    return np.tile(width * NORMAL, (len(rows.z), 1))


def harmful(rows: Rows) -> Floats:
    """Quantiles whose median is a noise that has nothing to do with what comes."""
    noise = np.random.default_rng(9).normal(0.0, 1.0, len(rows.z))
    return noise[:, None] + NORMAL


def coverage(rows: Rows, ground: Ground, found: Floats) -> dict[str, float]:
    actual = rows.next_close[ground.tested]
    inside = (found[:, 0] <= actual) & (actual <= found[:, -1])
    coin = rows.coin[ground.tested]
    return {symbol: float(inside[coin == c].mean()) for c, symbol in enumerate(SYMBOLS)}


@pytest.mark.parametrize("width", [0.5, 2.0])
def test_bands_of_any_width_are_brought_to_their_coverage(width: float) -> None:
    rows = made_rows()
    (ground,) = grounds = made_grounds(rows, stable_width=width)
    raw = coverage(
        rows, ground, composed(rows, grounds, constant(rows, width), is_calibrated=False)[0]
    )
    assert all(abs(share - 0.9) > 0.08 for share in raw.values())
    found, _ = composed(rows, grounds, constant(rows, width))
    for symbol, share in coverage(rows, ground, found).items():
        assert 0.89 < share < 0.91, symbol
    first = ground.tested < ground.tested[0] + 3 * 200
    early = (found[first, 0] <= (actual := rows.next_close[ground.tested][first])) & (
        actual <= found[first, -1]
    )
    assert 0.86 < early.mean() < 0.94  # validation has taught it, not the first test hours


def test_the_guard_turns_a_harmful_member_into_the_last_close() -> None:
    rows = made_rows()
    (ground,) = grounds = made_grounds(rows)
    volatile = rows.coin[ground.tested] != STABLE
    close = rows.close[ground.tested]
    settings = {"is_shrunk": False}
    found, composition = composed(rows, grounds, harmful(rows), **settings)
    assert np.allclose(found[:, 2], close, rtol=1e-12)  # from the first test hour on
    assert composition.guarded == {"BTCUSDT": 1.0, "ETHUSDT": 1.0}
    loose, _ = composed(rows, grounds, harmful(rows), **settings, is_guarded=False)
    assert (np.abs(loose[volatile, 2] / close[volatile] - 1) > 1e-4).mean() > 0.9
    _, calm = composed(rows, grounds, constant(rows), **settings)
    assert calm.guarded == {"BTCUSDT": 0.0, "ETHUSDT": 0.0}


def test_a_median_that_validation_does_not_confirm_is_shrunk() -> None:
    rows = made_rows()
    grounds = made_grounds(rows, fits=2)
    assert composed(rows, grounds, harmful(rows), is_guarded=False)[1].shrinkage == (0.0, 0.0)
    knowing = rows.z[:, None] + NORMAL
    assert composed(rows, grounds, knowing)[1].shrinkage == (1.0, 1.0)
    assert composed(rows, grounds, knowing, is_shrunk=False)[1].shrinkage is None


def test_members_have_equal_weights() -> None:
    rows = made_rows()
    grounds = made_grounds(rows)
    one, other = constant(rows) + 0.3, constant(rows, 2.0) - 0.1
    (ground,) = grounds
    said = [[Said(q[ground.asked], q[ground.validation]) for q in (one, other)]]
    bare = made_champion(is_shrunk=False, is_guarded=False, is_calibrated=False)
    (found,), _ = compose(bare, rows, grounds, said)
    expected = prices(rows, ground.asked, (1.5 * NORMAL + 0.1)[None, :])
    assert np.allclose(found[ground.featured], expected, rtol=1e-12)
    assert (found[~ground.featured] == ground.stable[~ground.featured]).all()


def test_an_outcome_changes_later_hours_only() -> None:
    rows = made_rows()
    (ground,) = grounds = made_grounds(rows)
    calm = np.abs(rows.z.reshape(-1, len(SYMBOLS))).max(axis=1) < 0.6  # inside all bands
    hour = VALIDATION + 48 + 1000 + int(np.argmax(calm[VALIDATION + 48 + 1000 :]))
    at = START_MS + hour * HOUR_MS
    quantiles = harmful(rows)
    wild = np.where(rows.open_time_ms == at, 30.0, rows.z)
    before, _ = composed(rows, grounds, quantiles)
    after, _ = composed(replace(rows, z=wild), grounds, quantiles)
    opened = rows.open_time_ms[ground.tested]
    assert (before[opened <= at] == after[opened <= at]).all()
    moved = (before != after).any(axis=1)
    assert moved[opened == at + HOUR_MS].all()  # known when the next hour is forecast


def test_states_go_on_over_refits() -> None:
    rows = made_rows()
    quantiles = harmful(rows)
    one, alone = composed(rows, made_grounds(rows, 1), quantiles, is_shrunk=False)
    many, parts = composed(rows, made_grounds(rows, 5), quantiles, is_shrunk=False)
    assert (one == many).all()
    assert alone == parts
    assert alone.seeded_from == 2 * VALIDATION


def test_a_refused_row_is_the_baseline_and_teaches_nothing() -> None:
    rows = made_rows()
    (ground,) = made_grounds(rows)
    refused = np.zeros(len(ground.tested), dtype=bool)
    refused[3000:3300] = True
    feature = rows.feature.copy()
    feature[ground.tested[refused]] = -1
    stable = np.where(refused[:, None], np.nan, ground.stable)
    whole = replace(ground, featured=ground.featured & ~refused, stable=stable)
    wild = rows.z.copy()
    wild[ground.tested[refused]] = 50.0
    found, _ = composed(replace(rows, z=wild, feature=feature), [whole], harmful(rows))
    assert (found[refused] == ground.baseline[refused]).all()
    absent = replace(
        whole,
        tested=whole.tested[~refused],
        featured=whole.featured[~refused],
        baseline=whole.baseline[~refused],
        stable=stable[~refused],
    )
    without, _ = composed(rows, [absent], harmful(rows))
    assert (found[~refused] == without).all()


def test_hours_of_a_lost_peg_are_flagged() -> None:
    rows = made_rows()
    (ground,) = made_grounds(rows)
    close = rows.close.copy()
    close[ground.tested[:6]] = np.where(rows.coin[ground.tested[:6]] == STABLE, 0.97, 100.0)
    _, composition = composed(replace(rows, close=close), [ground], constant(rows))
    assert composition.depegged == {"USDCUSDT": 2}
