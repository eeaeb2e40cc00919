"""Rows as files: the same bits, mapped and not copied, made once, whole or absent."""

from __future__ import annotations

import shutil
from collections import namedtuple
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from conf.names import HOUR_MS
from model.evaluation.hours import Hours, read_hours
from model.evaluation.row_files import keep_rows, open_rows
from model.evaluation.rows import Rows, make_rows
from tests.support.walks import (
    SETTINGS,
    SYMBOLS,
    TEST_FROM_MS,
    TEST_UNTIL_MS,
    holed_panel,
    write_folder,
)

pytestmark = pytest.mark.unit

UNTIL_MS = TEST_UNTIL_MS + HOUR_MS
Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def hours(tmp_path_factory: pytest.TempPathFactory) -> Hours:
    return read_hours(write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS))


def assert_same(found: Rows, expected: Rows) -> None:
    assert found.spec == expected.spec
    assert found.reason.tolist() == expected.reason.tolist()
    for field in fields(Rows):
        if field.name not in ("spec", "reason", "folder"):
            mine, theirs = getattr(found, field.name), getattr(expected, field.name)
            assert mine.dtype == theirs.dtype, field.name
            np.testing.assert_array_equal(mine, theirs, err_msg=field.name)


def test_they_are_the_rows_in_memory(hours: Hours, tmp_path: Path) -> None:
    expected = make_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS)
    assert len(set(expected.reason.tolist())) == 4  # usable, gap, disputed, short history
    kept = keep_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS, tmp_path)
    assert_same(kept, expected)
    assert kept.folder is not None
    assert_same(open_rows(kept.folder), expected)
    assert isinstance(kept.sequence.base, np.memmap) or isinstance(
        kept.sequence.base.base, np.memmap
    )
    assert not list(tmp_path.glob("*.partial"))


def test_they_are_made_once(hours: Hours, tmp_path: Path) -> None:
    done: list[int] = []
    first = keep_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS, tmp_path, done.append)
    assert done
    done.clear()
    second = keep_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS, tmp_path, done.append)
    assert not done
    assert second.folder == first.folder


def test_other_bounds_settings_or_candles_are_other_rows(hours: Hours, tmp_path: Path) -> None:
    panel = hours.panel.copy()
    panel.loc[panel["open_time_ms"] == TEST_FROM_MS, "volume"] *= 2
    names = set()
    for own, until, settings in (
        (hours, UNTIL_MS, SETTINGS),
        (hours, UNTIL_MS - HOUR_MS, SETTINGS),
        (hours, UNTIL_MS, replace(SETTINGS, stable_symbols=())),
        (Hours(hours.symbols, panel), UNTIL_MS, SETTINGS),
    ):
        kept = keep_rows(own, TEST_FROM_MS, until, settings, tmp_path)
        assert kept.folder is not None
        names.add(kept.folder.name)
        assert list(tmp_path.iterdir()) == [kept.folder]  # the ones before are gone
    assert len(names) == 4


def test_a_column_from_outside_is_kept_with_its_mask(hours: Hours, tmp_path: Path) -> None:
    told = np.random.default_rng(3).normal(size=len(hours.panel))
    with_mood = Hours(hours.symbols, hours.panel.assign(x_mood=told))
    settings = replace(SETTINGS, exogenous=("mood",))
    kept = keep_rows(with_mood, TEST_FROM_MS, UNTIL_MS, settings, tmp_path)
    assert kept.spec.exogenous == ("mood",)
    assert_same(kept, make_rows(with_mood, TEST_FROM_MS, UNTIL_MS, settings))
    without = make_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS)
    assert kept.static.shape[1] == without.static.shape[1] + 2


def test_what_was_cut_off_is_made_anew(
    hours: Hours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_hours: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        keep_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS, tmp_path, cut)
    assert list(tmp_path.glob("rows-*"))
    kept = keep_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS, tmp_path)
    assert_same(kept, make_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS))
    assert list(tmp_path.iterdir()) == [kept.folder]


def test_a_full_disk_is_an_error_and_no_crash(
    hours: Hours, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10, 9, 1))
    with pytest.raises(OSError, match="No space left"):
        keep_rows(hours, TEST_FROM_MS, UNTIL_MS, SETTINGS, tmp_path)


def test_a_folder_of_stable_coins_alone_has_no_features(tmp_path: Path) -> None:
    alone = read_hours(write_folder(tmp_path / "candles", holed_panel(), ["USDCUSDT"]))
    kept = keep_rows(alone, TEST_FROM_MS, UNTIL_MS, SETTINGS, tmp_path / "cache")
    assert_same(kept, make_rows(alone, TEST_FROM_MS, UNTIL_MS, SETTINGS))
