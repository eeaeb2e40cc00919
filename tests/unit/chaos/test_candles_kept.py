"""A kept process comes back whenever it ends, with variables of its own when it was given some."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.measure import Flatness, flatness
from tests.soak.report import Figure
from tests.soak.sampler import batch_seconds, files_of
from tests.support.eventually import eventually
from tests.support.kept import End, Kept

pytestmark = pytest.mark.unit

PROGRAM = """
import os, signal, time
print("mine:", os.environ.get("MINE", "nothing"), "all:", os.environ["ALL"], flush=True)
if os.environ.get("MINE") == "die":
    os.kill(os.getpid(), signal.SIGKILL)
while True:
    time.sleep(60)
"""
WAIT_S = 30.0


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    one = Kept("worker", [sys.executable, "-c", PROGRAM], {"ALL": "yes"}, tmp_path)
    yield one
    one.stop()


def test_it_comes_back_after_a_kill_and_is_told_of(kept: Kept) -> None:
    told: list[End] = []
    kept.on_end = told.append
    kept.start()
    eventually(lambda: "mine: nothing all: yes" in kept.log_text(), WAIT_S)
    kept.kill()
    eventually(lambda: kept.number == 2, WAIT_S)
    eventually(lambda: told, WAIT_S)
    assert told == kept.ends
    assert [(end.number, end.code) for end in told] == [(1, -signal.SIGKILL)]


def test_armed_starts_have_their_own_variables_once(kept: Kept) -> None:
    kept.start()
    kept.arm({"MINE": "die"}, {"MINE": "second"})
    kept.kill()
    eventually(lambda: kept.number == 3, WAIT_S)
    eventually(lambda: "mine: second" in kept.log_text(), WAIT_S)
    assert [end.extra for end in kept.ends] == [{}, {"MINE": "die"}]
    assert kept.extra == {"MINE": "second"}
    kept.kill()
    eventually(lambda: kept.number == 4 and "mine: nothing" in kept.log_text(), WAIT_S)


def test_a_stopped_one_stays_away(kept: Kept) -> None:
    assert Kept("never", [], {}, Path()).stop() is None
    kept.start()
    eventually(lambda: "mine:" in kept.log_text(), WAIT_S)
    end = kept.stop()
    assert end is not None
    assert end.code == -signal.SIGTERM
    assert kept.stop() == end
    assert kept.number == 1


def test_flat_compares_the_last_third_with_the_middle_one() -> None:
    samples = [(float(at), 100.0 if at < 10 else 50.0 if at < 20 else 55.0) for at in range(30)]
    found = flatness(samples, 30)
    assert (found.middle, found.last, found.most) == (50.0, 55.0, 55.0)
    assert found.drift == pytest.approx(0.1)
    with pytest.raises(ValueError, match="do not cover"):
        flatness(samples[:15], 30)


def test_batch_times_are_read_from_a_scrape() -> None:
    name = "nexthour_query_batch_seconds"
    text = f"""# TYPE {name} gauge
{name}{{query="candles",part="triggerExecution"}} 0.5
{name}{{query="candles",part="addBatch"}} 0.25
{name}{{query="archive",part="triggerExecution"}} 2.0
"""
    assert batch_seconds(text) == {"candles": 0.5, "archive": 2.0}


def test_files_are_counted_by_folder_and_where_kept_by_hour_as_files_an_hour() -> None:
    archive = [
        "trades/date=2026-01-01/hour=00/compacted-1.parquet",
        "trades/date=2026-01-01/hour=01/a-0-00000.parquet",
        "trades/date=2026-01-01/hour=01/a-1-00000.parquet",
        "trades/date=2026-01-02/hour=01/a-2-00000.parquet",
    ]
    others = ["candles/date=2026-01-01/BTCUSDT-0-r0.parquet", "checkpoints/candles/offsets/1"]
    assert files_of(archive) == {"trades": 4 / 3}
    assert files_of([*archive, *others]) == {"trades": 4 / 3, "candles": 1.0, "checkpoints": 1.0}
    assert files_of(["hdfs"]) == {"hdfs": 1.0}


def test_a_figure_is_flat_or_bounded() -> None:
    found = Flatness(middle=200.0, last=230.0, most=340.0)
    assert Figure.of("files", "files", found, allowed=0.2).problem is None
    grown = Figure.of("files", "files", found, allowed=0.1).problem
    assert grown == "files grew by 15.0%, 10% is allowed"
    assert Figure.of("files", "files", found, bound=340).problem is None
    assert Figure.of("files", "files", found, bound=300).problem == (
        "files reached 340 files, 300 is allowed"
    )
