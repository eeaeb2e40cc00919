from __future__ import annotations

import sys
from pathlib import Path

import pytest

from local.memory import MIB, MemorySampler, assign, resident_bytes
from local.process import ManagedProcess, log_has

pytestmark = pytest.mark.unit

# a child holds the memory, not the process that is named
HOLDER = """
import subprocess, sys
source = "block = bytearray(64 * 1024 * 1024); print('held', flush=True)"
subprocess.run([sys.executable, "-c", source + "; import time; time.sleep(60)"])
"""


def test_each_process_counts_for_the_nearest_name_above_it() -> None:
    parents = {1: 0, 10: 1, 11: 10, 12: 11, 20: 10, 21: 20, 30: 1}
    assert assign(parents, {"nexthour": 10, "spark": 20}) == {
        "nexthour": {10, 11, 12},
        "spark": {20, 21},
    }


def test_a_name_without_a_process_has_none_and_a_loop_ends() -> None:
    assert assign({5: 6, 6: 5}, {"gone": 99}) == {"gone": set()}


def test_processes_that_are_gone_hold_nothing() -> None:
    assert resident_bytes([2**22 + 1]) == 0


def test_the_peak_of_a_tree_outlives_it(tmp_path: Path) -> None:
    holder = ManagedProcess(
        "holder", [sys.executable, "-c", HOLDER], log_dir=tmp_path, stop_timeout_s=1
    )
    sampler = MemorySampler(interval_s=60)
    with holder:
        assert holder.pid is not None
        holder.wait_ready(log_has(holder, "held"), 20)
        sampler.watch("holder", holder.pid)
        held = sampler.sample()["holder"]
    assert held > 64 * MIB
    peaks = sampler.stop()
    assert sampler.sample()["holder"] == 0
    assert peaks.per_process["holder"] >= held / MIB
    assert peaks.whole >= held / MIB
    assert sampler.stop() == peaks


def test_a_sampler_that_watched_nothing_can_be_stopped() -> None:
    peaks = MemorySampler().stop()
    assert (peaks.per_process, peaks.whole) == ({}, 0)
