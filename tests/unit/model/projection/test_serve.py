"""The fan for now: from the hours that a caller has to the rows that it writes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conf.names import DAY_MS
from model.projection.serve import project
from model.projection.settings import ProjectionSettings
from tests.support.projection_world import FIRST_DAY, YOUNG, panel

pytestmark = pytest.mark.unit

SETTINGS = ProjectionSettings(horizon_days=10, paths=200)
ORIGIN = pd.Timestamp((FIRST_DAY + 100) * DAY_MS, unit="ms", tz="UTC")


def hours(days: int = 100, young_days: int = 40) -> pd.DataFrame:
    frame = panel(days, young_days)
    times = pd.to_datetime(frame["open_time_ms"], unit="ms", utc=True)
    return frame.assign(open_time=times)[["symbol", "open_time", "close"]]


def test_rows_and_samples_have_their_keys() -> None:
    made = project(hours(), 7, SETTINGS)
    assert made.origin == ORIGIN
    assert made.left_out == ()
    assert made.rows.columns.tolist() == [
        *("symbol", "origin", "horizon_days", "q05", "q25", "q50", "q75", "q95"),
        *("last_close", "method"),
    ]
    assert not made.rows.duplicated(["symbol", "origin", "horizon_days"]).any()
    assert len(made.rows) == 5 * 10
    assert set(made.rows["origin"]) == {ORIGIN}
    assert sorted(set(made.rows["horizon_days"])) == list(range(1, 11))
    assert made.samples.columns.tolist() == ["symbol", "origin", "path", "horizon_days", "price"]
    assert not made.samples.duplicated(["symbol", "origin", "path", "horizon_days"]).any()
    assert len(made.samples) == 5 * 10 * SETTINGS.sample_paths


def test_a_sample_is_one_world_for_all_coins() -> None:
    made = project(hours(), 7, SETTINGS).samples
    wide = made.pivot(index=["path", "horizon_days"], columns="symbol", values="price")
    moves = np.log(wide).groupby("path").diff().dropna()
    assert moves.corr().loc["AAAUSDT", "BTCUSDT"] > 0.3
    first = made[(made["symbol"] == "BTCUSDT") & (made["path"] == 1)]
    assert first["horizon_days"].tolist() == list(range(1, 11))


def test_the_day_that_is_running_says_nothing() -> None:
    whole = hours()
    more = whole[whole["open_time"] == whole["open_time"].max()].copy()
    more["open_time"] += pd.Timedelta("5h")
    more["close"] *= 3
    running = project(pd.concat([more, whole]), 7, SETTINGS)
    pd.testing.assert_frame_equal(running.rows, project(whole, 7, SETTINGS).rows)


def test_the_order_of_the_hours_and_the_coins_asked_for_change_nothing() -> None:
    every = project(hours(), 7, SETTINGS)
    mixed = project(hours().sample(frac=1, random_state=2), 7, SETTINGS, ["ETHUSDT", "NONEUSDT"])
    assert mixed.left_out == ("NONEUSDT",)
    own = every.rows[every.rows["symbol"] == "ETHUSDT"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mixed.rows, own)


def test_a_coin_without_a_fan_is_named() -> None:
    made = project(hours(young_days=10), 7, SETTINGS)
    assert made.left_out == (YOUNG,)
    assert YOUNG not in set(made.rows["symbol"])


def test_a_price_that_is_none_is_as_if_it_were_absent() -> None:
    spoiled = hours()
    at = spoiled["open_time"] == ORIGIN - pd.Timedelta("2h")
    spoiled.loc[at & (spoiled["symbol"] == "BTCUSDT"), "close"] = np.nan
    dropped = hours()
    dropped = dropped[
        ~((dropped["open_time"] == ORIGIN - pd.Timedelta("2h")) & (dropped["symbol"] == "BTCUSDT"))
    ]
    pd.testing.assert_frame_equal(
        project(spoiled, 7, SETTINGS).rows, project(dropped, 7, SETTINGS).rows
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda frame: frame.drop(columns="close"), "hours without close; they need symbol, open"),
        (
            lambda frame: frame.assign(open_time=frame["open_time"].dt.tz_localize(None)),
            "open_time has no time zone",
        ),
        (
            lambda frame: frame.assign(open_time=frame["open_time"] + pd.Timedelta("1min")),
            "open_time is no full hour",
        ),
        (lambda frame: pd.concat([frame, frame.head(1)]), "are there twice"),
        (lambda frame: frame.head(0), "no whole UTC day"),
        (lambda frame: frame[frame["symbol"] == "USDCUSDT"], "no volatile coin has a day"),
    ],
)
def test_what_cannot_be_used_is_said(change, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        project(change(hours()), 7, SETTINGS)
