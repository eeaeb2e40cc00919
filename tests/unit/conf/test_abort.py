"""The switch that kills a process at a named point."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from pydantic import ValidationError

from conf.abort import AbortSwitch
from conf.producer import ABORT_POINTS, ProducerSettings
from conf.settings import CANDLE_ABORT_POINTS, CandleSettings

pytestmark = pytest.mark.unit


def test_it_is_off_unless_set() -> None:
    assert not AbortSwitch(None)
    AbortSwitch(None).at("begun")


def test_the_process_is_killed_at_the_nth_passage_of_its_point() -> None:
    code = (
        "from conf.abort import AbortSwitch\n"
        "switch = AbortSwitch('begun:3')\n"
        "for n in range(1, 9):\n"
        "    switch.at('produced')\n"
        "    switch.at('begun')\n"
        "    print(n, flush=True)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == ["1", "2"]


def test_a_point_inside_other_work_kills_a_moment_later() -> None:
    code = (
        "import time\n"
        "from conf.abort import AbortSwitch\n"
        "switch = AbortSwitch('reading:2')\n"
        "switch.soon('reading', 0.01)\n"
        "switch.soon('reading', 0.01)\n"
        "print('returned', flush=True)\n"
        "time.sleep(60)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.split() == ["returned"]


@pytest.mark.parametrize("point", ABORT_POINTS)
def test_settings_know_every_point_of_a_producer(point: str) -> None:
    assert ProducerSettings(abort_at=f"{point}:1").abort_at == f"{point}:1"


@pytest.mark.parametrize("point", CANDLE_ABORT_POINTS)
def test_settings_know_every_point_of_a_candles_batch(point: str) -> None:
    assert CandleSettings(abort_at=f"{point}:1").abort_at == f"{point}:1"


@pytest.mark.parametrize("text", ["begun", "begun:0", "nowhere:1", "begun:1:2"])
def test_settings_refuse_other_points(text: str) -> None:
    with pytest.raises(ValidationError):
        ProducerSettings(abort_at=text)
