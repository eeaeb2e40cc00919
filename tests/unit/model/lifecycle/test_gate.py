"""What the gate refuses: each rule alone, and nothing of a sound version."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from model.lifecycle import gate

pytestmark = pytest.mark.unit

SOUND: dict[str, Any] = {
    "is_short_history": False,
    "metrics": {
        "crossings": 0,
        "val_pinball": 0.2400,
        "ewma_pinball": 0.2450,
        "val_rmae": 0.993,
        "val_coverage": 0.895,
        "rmae": {"BTCUSDT": 0.991, "ETHUSDT": 1.002},
    },
    "against": {
        "champion": "before",
        "rows": 12_000,
        "rmae": -0.0001,
        "rmae_low": -0.0006,
        "rmae_high": 0.0004,
        "pinball": -0.0005,
        "pinball_low": -0.0015,
        "pinball_high": 0.0004,
    },
}


def changed(path: str, value: object) -> dict[str, Any]:
    manifest = copy.deepcopy(SOUND)
    *way, last = path.split(".")
    place = manifest
    for part in way:
        place = place[part]
    place[last] = value
    return manifest


def test_a_sound_version_passes() -> None:
    assert gate.faults(SOUND) == ()
    assert not gate.is_better(SOUND)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("metrics.crossings", 1, "quantiles cross"),
        ("metrics.val_pinball", 0.2451, "pinball loss 0.24510 is above 0.24500"),
        ("metrics.val_rmae", 1.0, "rMAE 1.0000 is not below 1"),
        ("metrics.val_coverage", 0.84, "84.0% inside"),
        ("metrics.val_coverage", 0.96, "96.0% inside"),
        ("metrics.rmae", {"ETHUSDT": 1.0031}, "ETHUSDT: rMAE 1.0031"),
        ("against.rmae_high", 0.0006, "rMAE may be worse than before's by 0.0006"),
        ("against.pinball_high", 0.0021, "pinball may be worse than before's by 0.21%"),
    ],
)
def test_each_rule_alone_refuses(path: str, value: object, said: str) -> None:
    (line,) = gate.faults(changed(path, value))
    assert said in line


def test_a_short_history_is_judged_by_its_bands_alone() -> None:
    manifest = changed("is_short_history", True)
    manifest["metrics"] |= {"val_rmae": 1.01, "val_coverage": 0.8, "rmae": {"BTCUSDT": 1.1}}
    assert gate.faults(manifest) == ()
    manifest["metrics"]["val_pinball"] = 0.3
    assert len(gate.faults(manifest)) == 1


@pytest.mark.parametrize(
    ("bound", "limit", "said"),
    [
        ("rmae", 0.0005, "rMAE is worse than before's by 0.0006 at least"),
        ("pinball", 0.002, "pinball is worse than before's by 0.21% at least"),
    ],
)
def test_of_a_short_history_what_is_worse_beyond_doubt_is_refused(
    bound: str, limit: float, said: str
) -> None:
    manifest = changed("is_short_history", True)
    manifest["against"] |= {f"{bound}_high": 10 * limit, f"{bound}_low": limit}
    assert gate.faults(manifest) == ()
    manifest["against"][f"{bound}_low"] = limit + 0.0001
    assert gate.faults(manifest) == (said,)


def test_without_a_champion_there_is_nothing_to_be_worse_than() -> None:
    manifest = changed("against", None)
    assert gate.faults(manifest) == ()
    assert not gate.is_better(manifest)


def test_better_is_beyond_doubt_in_the_bands_and_no_worse_in_the_median() -> None:
    better = changed("against.pinball_high", -0.0001)
    assert gate.is_better(better)
    better["against"]["rmae"] = 0.0002
    assert not gate.is_better(better)
