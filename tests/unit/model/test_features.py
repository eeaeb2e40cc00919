from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conf.names import HOUR_MS
from model.features import (
    CLIP,
    CONTEXT_HOURS,
    SEQUENCE_NAMES,
    STATIC_NAMES,
    FeatureSpec,
    build_rows,
)
from tests.support.model_history import COINS, START_MS, random_panel

pytestmark = pytest.mark.unit

SPEC = FeatureSpec(COINS)


def hour(index: int) -> int:
    return START_MS + index * HOUR_MS


def drop(panel: pd.DataFrame, symbol: str, *indices: int) -> pd.DataFrame:
    gone = (panel["symbol"] == symbol) & panel["open_time_ms"].isin([hour(i) for i in indices])
    return panel[~gone]


def one(rows: pd.DataFrame, symbol: str) -> pd.Series:
    return rows[rows["symbol"] == symbol].iloc[0]


def sequence_of(row: pd.Series, name: str) -> np.ndarray:
    return row["sequence"].reshape(CONTEXT_HOURS, -1)[:, SEQUENCE_NAMES.index(name)]


def hashes(rows: pd.DataFrame) -> list[str]:
    return list(rows["feature_hash"])


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    return random_panel()


@pytest.fixture(scope="module")
def ragged(panel: pd.DataFrame) -> pd.DataFrame:
    """Hours missing, disputed, flat and without volume, and a coin that is listed late."""
    rng = np.random.default_rng(3)
    kept = panel[rng.random(len(panel)) > 0.003].copy()
    kept = kept[(kept["symbol"] != "DOGEUSDT") | (kept["open_time_ms"] >= hour(300))]
    kept.loc[rng.random(len(kept)) < 0.002, "is_valid"] = False
    kept.loc[rng.random(len(kept)) < 0.01, "volume"] = np.nan
    flat = rng.random(len(kept)) < 0.01
    for name in ("open", "high", "low"):
        kept.loc[flat, name] = kept.loc[flat, "close"]
    return kept


def test_batch_and_single_hours_give_equal_bits(ragged: pd.DataFrame) -> None:
    at = [hour(i) for i in range(340, 600)]
    batch = build_rows(ragged, COINS, at)
    assert batch["is_usable"].sum() > 400
    assert (~batch["is_usable"]).sum() > 10
    for position in range(0, len(at), 7):
        single = build_rows(ragged, COINS, at[position : position + 1])
        expected = batch.iloc[position * len(COINS) : (position + 1) * len(COINS)]
        assert hashes(single) == hashes(expected)
        for name in ("sigma", "last_close", "target_z"):
            np.testing.assert_array_equal(single[name].to_numpy(), expected[name].to_numpy())


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), index=st.integers(340, 590))
def test_the_future_moves_nothing_but_the_target(seed: int, index: int) -> None:
    panel = random_panel(seed=1)
    later = panel["open_time_ms"] > hour(index)
    moved = panel.copy()
    rng = np.random.default_rng(seed)
    for name in ("open", "high", "low", "close", "volume"):
        moved.loc[later, name] *= np.exp(rng.normal(size=int(later.sum())))
    moved.loc[later, "is_valid"] = rng.random(int(later.sum())) < 0.9
    before, after = (build_rows(frame, COINS, [hour(index)]) for frame in (panel, moved))
    assert hashes(before) == hashes(after)
    assert list(before["mask"]) == list(after["mask"])
    assert (before["target_z"].to_numpy() != after["target_z"].to_numpy()).all()


def test_hours_older_than_the_window_move_nothing(panel: pd.DataFrame) -> None:
    recent = panel[panel["open_time_ms"] >= hour(500 - 336)]
    shorter = panel[panel["open_time_ms"] >= hour(500 - 334)]
    full = hashes(build_rows(panel, COINS, [hour(500)]))
    assert hashes(build_rows(recent, COINS, [hour(500)])) == full
    # the oldest hour of the window does count
    assert hashes(build_rows(shorter, COINS, [hour(500)])) != full


def test_sigma_is_the_normalised_ewma_of_336_squared_returns(panel: pd.DataFrame) -> None:
    close = panel.loc[panel["symbol"] == "ETHUSDT", "close"].to_numpy()
    returns = np.diff(np.log(close))[500 - 336 : 500]  # returns into hours 165..500
    weights = 0.5 ** (np.arange(336)[::-1] / 24)
    expected = math.sqrt((weights * returns**2).sum() / weights.sum())
    row = one(build_rows(panel, COINS, [hour(500)]), "ETHUSDT")
    assert row["sigma"] == pytest.approx(expected, rel=1e-12)
    assert row["target_z"] == pytest.approx(math.log(close[501] / close[500]) / expected)
    assert row["last_close"] == close[500]
    np.testing.assert_allclose(
        sequence_of(row, "own_return"),
        np.clip(returns[-CONTEXT_HOURS:] / expected, -CLIP, CLIP),
        rtol=1e-6,
    )


def test_market_and_lead_leave_the_stable_coin_out(panel: pd.DataFrame) -> None:
    rows = build_rows(panel, COINS, [hour(500)])
    own = [sequence_of(one(rows, s), "own_return") for s in COINS if s != "USDCUSDT"]
    assert abs(np.stack(own)).max() < CLIP  # else the mean below is of clipped values
    for symbol in COINS:
        market = sequence_of(one(rows, symbol), "market_return")
        np.testing.assert_allclose(market, np.mean(own, axis=0), rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(sequence_of(one(rows, symbol), "lead_return"), own[0])


def test_calendar_is_of_the_target_hour(panel: pd.DataFrame) -> None:
    # 2023-10-01 was a Sunday; hour 500 opens on Saturday 20:00, its target at 21:00
    row = one(build_rows(panel, COINS, [hour(500)]), "BTCUSDT")
    static = dict(zip(STATIC_NAMES, row["static"], strict=False))
    assert static["target_hour_sin"] == pytest.approx(math.sin(math.tau * 21 / 24))
    assert static["target_is_weekend"] == 1.0
    friday = one(build_rows(panel, COINS, [hour(500 - 22)]), "BTCUSDT")
    assert dict(zip(STATIC_NAMES, friday["static"], strict=False))["target_is_weekend"] == 0.0


def test_absent_coin_is_masked_for_the_others(panel: pd.DataFrame) -> None:
    rows = build_rows(drop(panel, "BTCUSDT", 500), COINS, [hour(500)])
    assert set(rows["mask"]) == {"0111"}
    absent, other = one(rows, "BTCUSDT"), one(rows, "ETHUSDT")
    assert not absent["is_usable"]
    assert absent["reason"] == "input hour absent"
    assert other["is_usable"]
    assert other["static"][SPEC.own_width] == 0.0  # its latest return
    assert other["static"][SPEC.own_width + len(COINS)] == 0.0  # and its place in the mask
    assert sequence_of(other, "lead_present")[-1] == 0.0
    assert sequence_of(other, "lead_present")[-2] == 1.0
    assert sequence_of(other, "breadth")[-1] == pytest.approx(2 / 3)


def test_coin_never_listed_is_masked_throughout(panel: pd.DataFrame) -> None:
    rows = build_rows(panel[panel["symbol"] != "BTCUSDT"], COINS, [hour(500)])
    other = one(rows, "DOGEUSDT")
    assert other["is_usable"]
    assert not sequence_of(other, "lead_return").any()
    assert np.isfinite(other["sequence"]).all()
    assert np.isfinite(other["static"]).all()


def test_unusable_rows_say_why(panel: pd.DataFrame) -> None:
    disputed = panel.copy()
    at_hour = (panel["symbol"] == "ETHUSDT") & (panel["open_time_ms"] == hour(500))
    disputed.loc[at_hour, "is_valid"] = False
    gap = drop(panel, "ETHUSDT", 470)
    young = panel[(panel["symbol"] != "ETHUSDT") | (panel["open_time_ms"] > hour(460))]
    reasons = {
        "disputed": one(build_rows(disputed, COINS, [hour(500)]), "ETHUSDT")["reason"],
        "gap": one(build_rows(gap, COINS, [hour(500)]), "ETHUSDT")["reason"],
        "young": one(build_rows(young, COINS, [hour(500)]), "ETHUSDT")["reason"],
    }
    assert reasons == {
        "disputed": "input hour disputed",
        "gap": "gap in the last 48 hours",
        "young": "short history",
    }


def test_exactly_48_contiguous_hours_are_enough(panel: pd.DataFrame) -> None:
    enough = build_rows(drop(panel, "ETHUSDT", 500 - 48), COINS, [hour(500)])
    missing = build_rows(drop(panel, "ETHUSDT", 500 - 47), COINS, [hour(500)])
    assert one(enough, "ETHUSDT")["is_usable"]
    assert not one(missing, "ETHUSDT")["is_usable"]


def test_target_is_unknown_without_a_valid_next_hour(panel: pd.DataFrame) -> None:
    rows = build_rows(drop(panel, "ETHUSDT", 501), COINS, [hour(500)])
    assert math.isnan(one(rows, "ETHUSDT")["target_z"])
    assert not math.isnan(one(rows, "BTCUSDT")["target_z"])


def test_return_after_a_gap_starts_at_the_hours_own_open(panel: pd.DataFrame) -> None:
    eth = panel[panel["symbol"] == "ETHUSDT"].set_index("open_time_ms")
    row = one(build_rows(drop(panel, "ETHUSDT", 452), COINS, [hour(500)]), "ETHUSDT")
    first = eth.loc[hour(453)]
    expected = math.log(first["close"] / first["open"]) / row["sigma"]
    assert sequence_of(row, "own_return")[0] == pytest.approx(expected, rel=1e-5)


def test_a_coin_that_never_moves_has_finite_features(panel: pd.DataFrame) -> None:
    still = panel.copy()
    for name in ("open", "high", "low", "close"):
        still.loc[still["symbol"] == "USDCUSDT", name] = 1.0
    row = one(build_rows(still, COINS, [hour(500)]), "USDCUSDT")
    assert row["is_usable"]
    assert np.isfinite(row["sequence"]).all()
    assert row["target_z"] == 0.0


def test_an_hour_given_twice_is_an_error(panel: pd.DataFrame) -> None:
    twice = pd.concat([panel, panel.tail(1)])
    with pytest.raises(ValueError, match="twice"):
        build_rows(twice, COINS, [hour(599)])


def test_a_time_inside_an_hour_is_an_error(panel: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match="open times"):
        build_rows(panel, COINS, [hour(500) + 1])


def test_spec_of_another_code_is_refused() -> None:
    stored = SPEC.to_dict()
    assert FeatureSpec.from_dict(stored) == SPEC
    with pytest.raises(ValueError, match="expects features"):
        FeatureSpec.from_dict({**stored, "half_life_hours": 12})
