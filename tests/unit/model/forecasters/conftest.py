"""Rows of made-up coins, made by the features that live rows are made by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from conf.names import HOUR_MS
from model.dataset import Windows, network_inputs
from model.feature_spec import FeatureSpec
from model.features import build_rows
from tests.support.model_history import random_panel

SYMBOLS = ("BTCUSDT", "ETHUSDT", "DOGEUSDT")


@pytest.fixture(scope="session")
def panel() -> pd.DataFrame:
    """1,600 hours of three coins, each step pulled back by 0.3 of the last."""
    return random_panel(SYMBOLS, 1_600, reversal=0.3)


@pytest.fixture(scope="session")
def all_rows(panel: pd.DataFrame) -> Windows:
    spec = FeatureSpec(SYMBOLS)
    frame = build_rows(panel, SYMBOLS, sorted(set(panel["open_time_ms"])), spec=spec)
    frame = frame[frame["is_usable"] & frame["target_z"].notna()]
    return Windows(
        symbols=frame["symbol"].to_numpy(dtype=object),
        open_time_ms=frame["open_time_ms"].to_numpy(),
        inputs=network_inputs(
            np.stack(frame["sequence"].tolist()),
            np.stack(frame["static"].tolist()),
            frame["coin"].to_numpy(),
            spec,
        ),
        sigma=frame["sigma"].to_numpy(),
        last_close=frame["last_close"].to_numpy(),
        z=frame["target_z"].to_numpy(),
        week_ago=week_ago(panel, frame),
    )


def week_ago(panel: pd.DataFrame, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
    closes = panel.set_index(["symbol", "open_time_ms"])["close"]
    opened = frame["open_time_ms"] - 168 * HOUR_MS
    before = closes.reindex(pd.MultiIndex.from_arrays([frame["symbol"], opened])).to_numpy()
    after = closes.reindex(pd.MultiIndex.from_arrays([frame["symbol"], opened + HOUR_MS]))
    return np.log(after.to_numpy() / before) / frame["sigma"].to_numpy()


def take(rows: Windows, which: Any) -> Windows:
    inputs = {name: values[which] for name, values in rows.inputs.items()}
    arrays = {
        field.name: getattr(rows, field.name)[which]
        for field in fields(Windows)
        if field.name != "inputs" and getattr(rows, field.name) is not None
    }
    return Windows(inputs=inputs, **arrays)


@pytest.fixture(scope="session")
def picked() -> Callable[[Windows, Any], Windows]:
    """Return the rows of an index."""
    return take


@pytest.fixture(scope="session")
def training(all_rows: Windows) -> Windows:
    return take(all_rows, slice(0, 2_700))


@pytest.fixture(scope="session")
def validation(all_rows: Windows) -> Windows:
    return take(all_rows, slice(2_844, 3_200))


@pytest.fixture(scope="session")
def later(all_rows: Windows) -> Windows:
    return take(all_rows, slice(3_200, None))


@pytest.fixture(scope="session")
def targeted() -> Callable[[Windows, npt.NDArray[np.float64]], Windows]:
    """Return the rows with other targets."""
    return lambda rows, z: replace(rows, z=z)
