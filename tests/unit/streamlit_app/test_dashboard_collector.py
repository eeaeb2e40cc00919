"""The collector sees no more than what came since the modules were loaded."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

PROGRAM = """
import gc, sys, types
import json, email, decimal
from streamlit_app import collector
collector.freeze_modules()
frozen = gc.get_freeze_count()
assert frozen > 1000 and len(gc.get_objects()) < frozen / 10, (frozen, len(gc.get_objects()))
cycle = []
cycle.append(cycle)
collector.freeze_modules()
assert gc.get_freeze_count() == frozen, "no module was loaded: nothing more is frozen"
del cycle
assert gc.collect() >= 1, "what came later is still collected"
sys.modules["another"] = types.ModuleType("another")
collector.freeze_modules()
assert gc.get_freeze_count() > frozen
gc.disable()
cycle = []
cycle.append(cycle)
del cycle
assert collector.collect_now_and_then(1000.0), "never done before"
assert gc.collect() == 0
assert not collector.collect_now_and_then(1000.0 + collector.EVERY_S / 2)
assert collector.collect_now_and_then(1000.0 + collector.EVERY_S)
"""


def test_modules_are_frozen_once_and_what_comes_later_is_collected_now_and_then() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)
    assert gc.get_freeze_count() == 0, "not in this process"
