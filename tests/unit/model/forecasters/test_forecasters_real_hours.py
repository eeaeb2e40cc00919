"""Two years of real hours: what fits must beat the last close, and its bands must hold, later."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model import conformal
from model.conformal import calibrate_coins
from model.dataset import Windows, network_inputs
from model.feature_spec import FeatureSpec
from model.features import build_rows
from model.forecasters.families import FORECASTERS
from model.forecasters.forecaster import LEVELS
from model.guard import guard_coins
from model.metrics import coverage, directional_accuracy, pinball, relative_mae

pytestmark = [pytest.mark.unit, pytest.mark.realdata]

HOURLY = Path(__file__).parents[5] / "shared" / "data" / "hourly"
SYMBOLS = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "DOGEUSDT")
SPLIT = pd.Timestamp("2024-01-01", tz="UTC")

Pick = Callable[[Windows, Any], Windows]


@pytest.fixture(scope="module")
def rows() -> Windows:
    frames = []
    for symbol in SYMBOLS:
        hours = pd.read_parquet(HOURLY / f"{symbol}-1h.parquet")
        hours = hours[(hours["open_time"] >= "2022-12-15") & (hours["open_time"] < "2024-07-01")]
        times = hours["open_time"].astype("datetime64[ms, UTC]").astype("int64")
        frames.append(hours.assign(symbol=symbol, open_time_ms=times, is_valid=True))
    panel = pd.concat(frames, ignore_index=True)
    spec = FeatureSpec(SYMBOLS)
    frame = build_rows(panel, SYMBOLS, sorted(set(panel["open_time_ms"])), spec=spec)
    frame = frame[frame["is_usable"] & frame["target_z"].notna()]
    return Windows(
        frame["symbol"].to_numpy(dtype=object),
        frame["open_time_ms"].to_numpy(),
        network_inputs(
            np.stack(frame["sequence"].tolist()),
            np.stack(frame["static"].tolist()),
            frame["coin"].to_numpy(),
            spec,
        ),
        frame["sigma"].to_numpy(),
        frame["last_close"].to_numpy(),
        frame["target_z"].to_numpy(),
    )


def test_half_a_year_after_the_fit(rows: Windows, picked: Pick) -> None:
    split_ms = SPLIT.value // 1_000_000
    last = int(np.searchsorted(rows.open_time_ms, split_ms - 48 * 3_600_000))
    first = int(np.searchsorted(rows.open_time_ms, split_ms))
    known, unknown = picked(rows, slice(0, last)), picked(rows, slice(first, None))
    naive = np.zeros(len(unknown.z))
    base = pinball(unknown.z, FORECASTERS["naive"].fit(known, known, 0).quantiles(unknown), LEVELS)
    for name, most in (("rule", 0.999), ("lad", 0.998)):
        raw = FORECASTERS[name].fit(known, known, 0).quantiles(unknown)
        assert 0.98 < relative_mae(unknown.z, raw[:, 2], naive) < most  # far below would be a leak
        assert 0.515 < directional_accuracy(unknown.z, raw[:, 2]) < 0.57
        assert pinball(unknown.z, raw, LEVELS) < base
        guarded, _, _ = guard_coins(
            unknown.symbols, unknown.open_time_ms, raw, unknown.sigma, unknown.z
        )
        published, _ = calibrate_coins(unknown.symbols, guarded, unknown.z, LEVELS)
        for symbol in SYMBOLS:
            own = np.flatnonzero(unknown.symbols == symbol)[conformal.MIN_SCORES :]
            z, bands = unknown.z[own], published[own]
            assert coverage(z, bands[:, 0], bands[:, 4]) == pytest.approx(0.9, abs=0.005)
            assert coverage(z, bands[:, 1], bands[:, 3]) == pytest.approx(0.5, abs=0.01)
