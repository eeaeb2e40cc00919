"""The peak is of the work alone, and of the processes beside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from model.evaluation import peak
from model.evaluation.peak import Peak

pytestmark = pytest.mark.unit

MIB = 1 << 20
HAS_PROC = Path("/proc/self/clear_refs").exists()


def test_it_is_what_was_resident_at_most_and_is_no_more() -> None:
    before = Peak().mib()
    since = Peak()
    block = np.ones(64 * MIB, dtype=np.uint8)
    del block
    assert before + 50 < since.mib() < before + 90
    if HAS_PROC:
        assert Peak().mib() < before + 40  # forgotten again


def test_others_count_with_it_until_they_end() -> None:
    code = "import sys; block = b'x' * (96 << 20); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        alone, both = Peak(), Peak([other.pid])
        if HAS_PROC:
            assert both.mib() >= alone.mib() + 90
        other.communicate()
    assert abs(both.mib() - alone.mib()) < 20


def test_without_proc_it_is_that_of_the_whole_life(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peak, "PROC", Path("/nowhere"))
    assert Peak([1]).mib() > 50
