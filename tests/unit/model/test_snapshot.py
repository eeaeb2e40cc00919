from __future__ import annotations

import pytest

from model.windows import Snapshot

pytestmark = pytest.mark.unit

FILES = [
    {"path": "part=volatile-train/0.parquet", "rows": 3},
    {"path": "part=volatile-train/1.parquet", "rows": 4},
    {"path": "part=stable-train/0.parquet", "rows": 1},
]
SNAPSHOT = Snapshot(
    "/nexthour/live/windows/h=0123456789abcdef",
    {"files": FILES, "inputs": [{"symbol": "BTCUSDT"}], "spec": {"symbols": ["BTCUSDT", "XUSDT"]}},
)


def test_rows_are_counted_by_part() -> None:
    parts = ("volatile-train", "stable-train", "volatile-validation")
    assert [SNAPSHOT.rows(part) for part in parts] == [7, 1, 0]


def test_its_name_is_its_hash_and_coins_without_history_are_named() -> None:
    assert SNAPSHOT.name == "0123456789abcdef"
    assert SNAPSHOT.absent == ["XUSDT"]
