"""Rows of a range: the same whatever the chunks, a reason for each that is refused."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from conf.names import HOUR_MS
from model.evaluation.hours import Hours, read_hours
from model.evaluation.rows import Rows, make_rows
from model.features import build_rows
from tests.support.model_history import START_MS
from tests.support.walks import (
    BAD_MS,
    HALT_MS,
    LATE_MS,
    SETTINGS,
    SYMBOLS,
    TEST_FROM_MS,
    TEST_UNTIL_MS,
    holed_panel,
    write_folder,
)

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Hours:
    return read_hours(write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS))


@pytest.fixture(scope="module")
def rows(hours: Hours) -> Rows:
    return make_rows(hours, TEST_FROM_MS, TEST_UNTIL_MS + HOUR_MS, SETTINGS)


def reasons(rows: Rows, symbol: str) -> dict[int, str]:
    own = (rows.coin == rows.spec.symbols.index(symbol)) & ~rows.is_usable
    return dict(zip(rows.open_time_ms[own].tolist(), rows.reason[own], strict=True))


def test_chunks_change_no_bit(hours: Hours, rows: Rows) -> None:
    done: list[int] = []
    whole = make_rows(
        hours,
        TEST_FROM_MS,
        TEST_UNTIL_MS + HOUR_MS,
        replace(SETTINGS, chunk_hours=10_000),
        done.append,
    )
    assert done == [480]
    for field in fields(Rows):
        if field.name not in ("spec", "folder"):
            first, second = getattr(rows, field.name), getattr(whole, field.name)
            if field.name == "reason":
                assert list(first) == list(second)
            else:
                assert np.array_equal(first, second, equal_nan=True), field.name


def test_rows_with_features_hold_those_of_build_rows(hours: Hours, rows: Rows) -> None:
    made = build_rows(
        hours.panel,
        rows.spec.symbols,
        range(TEST_FROM_MS, TEST_UNTIL_MS + HOUR_MS, HOUR_MS),
        spec=rows.spec,
    )
    made = made[made["is_usable"] & (made["symbol"] != "USDCUSDT")]
    chosen = np.flatnonzero(rows.feature >= 0)
    windows = rows.windows(chosen, with_targets=True)
    assert len(chosen) == len(made) > 1000
    assert np.array_equal(
        windows.inputs["sequence"].reshape(len(made), -1), np.stack(list(made["sequence"]))
    )
    static = np.concatenate([windows.inputs["static"], windows.inputs["connected"]], axis=1)
    assert np.array_equal(static, np.stack(list(made["static"])))
    assert list(windows.symbols) == list(made["symbol"])
    assert np.array_equal(windows.z, made["target_z"], equal_nan=True)
    assert np.array_equal(windows.last_close, made["last_close"])
    assert np.isnan(rows.windows(chosen, with_targets=False).z).all()


def test_a_refused_row_says_why(rows: Rows) -> None:
    gap = {HALT_MS + n * HOUR_MS: "gap in the last 48 hours" for n in range(1, 48)}
    assert reasons(rows, "BTCUSDT") == gap
    bad = {BAD_MS + n * HOUR_MS: "gap in the last 48 hours" for n in range(1, 48)}
    assert reasons(rows, "ETHUSDT") == {**gap, BAD_MS: "input hour disputed", **bad}
    late = reasons(rows, "SOLUSDT")
    assert list(late) == [LATE_MS + n * HOUR_MS for n in range(47)]
    assert set(late.values()) == {"short history"}


def test_each_hour_with_a_close_is_a_row_and_knows_the_next(hours: Hours, rows: Rows) -> None:
    panel = hours.panel.set_index(["open_time_ms", "symbol"])["close"]
    inside = panel[
        (panel.index.get_level_values(0) >= TEST_FROM_MS)
        & (panel.index.get_level_values(0) <= TEST_UNTIL_MS)
    ]
    symbols = np.array(rows.spec.symbols)[rows.coin]
    keys = list(zip(rows.open_time_ms.tolist(), symbols, strict=True))
    assert keys == list(inside.index)
    assert rows.close.tolist() == inside.tolist()
    nexts = [panel.get((time + HOUR_MS, symbol), np.nan) for time, symbol in keys]
    assert np.array_equal(rows.next_close, nexts, equal_nan=True)
    assert np.isnan(rows.next_close[rows.open_time_ms == HALT_MS - HOUR_MS]).all()


def test_each_row_knows_the_targets_hour_of_the_week_before(hours: Hours, rows: Rows) -> None:
    valid = hours.panel[hours.panel["is_valid"]]
    closes = valid.set_index(["open_time_ms", "symbol"])["close"]
    week = 168 * HOUR_MS
    for row in range(0, len(rows.z), 13):
        time, symbol = int(rows.open_time_ms[row]), rows.spec.symbols[rows.coin[row]]
        before = closes.get((time - week, symbol), np.nan)
        after = closes.get((time + HOUR_MS - week, symbol), np.nan)
        expected = np.log(after / before) / rows.sigma[row]
        assert rows.week_ago[row] == pytest.approx(expected, rel=1e-9, nan_ok=True)
    unknown = set((rows.open_time_ms[np.isnan(rows.week_ago)] - week).tolist())
    assert {HALT_MS, HALT_MS - HOUR_MS, BAD_MS, BAD_MS - HOUR_MS} <= unknown


def test_hours_after_the_data_are_no_rows(hours: Hours) -> None:
    rows = make_rows(hours, hours.last_ms - HOUR_MS, hours.last_ms + 99 * HOUR_MS, SETTINGS)
    assert set(rows.open_time_ms) == {hours.last_ms - HOUR_MS, hours.last_ms}
    assert np.isnan(rows.next_close[rows.open_time_ms == hours.last_ms]).all()


def test_a_folder_of_stable_coins_alone_has_rows_without_features(tmp_path: Path) -> None:
    hours = read_hours(write_folder(tmp_path, holed_panel(), ["USDCUSDT"]))
    rows = make_rows(hours, START_MS, TEST_FROM_MS, SETTINGS)
    assert len(rows.z) == 960
    assert rows.is_stable.all()
    assert (rows.feature == -1).all()
