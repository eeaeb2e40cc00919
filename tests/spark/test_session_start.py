"""A session that is interrupted while its JVM starts leaves no JVM behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
PROGRAM = """
import signal, sys
def interrupt(number, frame):
    sys.exit(130)
signal.signal(signal.SIGTERM, interrupt)
from conf.connections.spark import build_session
from conf.settings import HdfsSettings, SparkSettings
build_session("interrupted", SparkSettings(), HdfsSettings(url="file:///"))
signal.pause()
"""


def test_interrupted_before_the_jvm_has_answered() -> None:
    """The JVM's first line is there, where it listens is not said yet."""
    run = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=ROOT, stderr=subprocess.PIPE, text=True
    )
    assert run.stderr is not None
    children: list[psutil.Process] = []
    try:
        assert any("log4j" in line for line in run.stderr)
        children = psutil.Process(run.pid).children(recursive=True)
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) == 130
        assert children
        assert not psutil.wait_procs(children, timeout=60)[1]
    finally:
        run.kill()
        for child in children:
            if child.is_running():
                child.kill()
