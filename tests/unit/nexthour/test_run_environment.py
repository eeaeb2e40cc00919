import os
import subprocess
import sys

import pytest

from local.errors import LocalError
from nexthour.run_environment import environment_of_run
from nexthour.running import write_note

pytestmark = pytest.mark.unit


@pytest.fixture
def part():
    """A process that waits for its standard input to end, as a part of a run would work on."""
    started = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        env={**os.environ, "NEXTHOUR_NAMESPACE": "demo-7", "OTHER": "x"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert started.stdout is not None
    started.stdout.readline()
    yield started
    started.kill()
    started.communicate()


def test_settings_are_those_of_the_runs_own_processes(part, tmp_path):
    write_note(tmp_path / "demo", {"kafka": 1, "spark": part.pid}, {})
    before = dict(os.environ)
    with environment_of_run("demo", tmp_path):
        assert os.environ["NEXTHOUR_NAMESPACE"] == "demo-7"
        assert "OTHER" not in os.environ
    assert dict(os.environ) == before


def test_without_a_name_the_environment_is_left_alone(tmp_path):
    before = dict(os.environ)
    with environment_of_run(None, tmp_path):
        assert dict(os.environ) == before


def test_a_run_that_is_not_up_is_refused_and_those_that_are_named(tmp_path):
    write_note(tmp_path / "live", {}, {})
    with pytest.raises(LocalError, match=r"'demo'.*up: live"), environment_of_run("demo", tmp_path):
        pass
    with pytest.raises(LocalError, match="wait until"), environment_of_run("live", tmp_path):
        pass
