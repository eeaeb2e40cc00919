"""Which lock is an hour's, and what a candle's row holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conf.names import HOUR_MS
from streaming.candles.rows import COLUMNS, LOCKS, lock_number, row_values
from streaming.candles.verdict import judge, read_hour
from tests.support.candle_records import HOUR
from tests.support.candle_rows import TRADES, row

pytestmark = pytest.mark.unit

KEYS = [(symbol, HOUR + n * HOUR_MS) for symbol in ("BTCUSDT", "DOTUSDT") for n in range(500)]


def test_hours_are_spread_over_all_locks_alike_in_every_process() -> None:
    numbers = [lock_number(key) for key in KEYS]
    assert set(numbers) <= set(range(LOCKS))
    assert len(set(numbers)) > LOCKS * 0.9
    code = "from streaming.candles.rows import lock_number; print(lock_number(('BTCUSDT', 0)))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(other.stdout) == lock_number(("BTCUSDT", 0))


def test_a_provisional_row_has_no_verdict() -> None:
    candle = judge(read_hour(row(TRADES)))
    final = dict(zip((*COLUMNS, "status"), row_values(candle, "final"), strict=True))
    running = dict(zip((*COLUMNS, "status"), row_values(candle, "provisional"), strict=True))
    assert (final["verdict"], final["status"]) == ("complete", "final")
    changed = {name for name in final if final[name] != running[name]}
    assert changed == {"verdict", "witness", "status"}
