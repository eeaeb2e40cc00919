import os
import subprocess
import sys

import orjson
import psutil
import pytest

from nexthour.running import NOTE, remove_note, running_systems, stop_system, tail, write_note

pytestmark = pytest.mark.unit


def test_own_note_is_found_and_removed(tmp_path):
    write_note(tmp_path / "demo", {"kafka": 12}, {"dashboard": "http://x"})
    (found,) = running_systems(tmp_path)
    assert found.owner.pid == os.getpid()
    assert found.processes == {"kafka": 12}
    remove_note(tmp_path / "demo")
    assert list(running_systems(tmp_path)) == []


def test_a_reused_pid_is_not_the_owner(tmp_path):
    write_note(tmp_path / "demo", {}, {})
    path = tmp_path / "demo" / NOTE
    note = orjson.loads(path.read_bytes())
    path.write_bytes(orjson.dumps({**note, "created": note["created"] - 100}))
    assert list(running_systems(tmp_path)) == []


def test_stopping_ends_the_owner(tmp_path):
    code = "import sys, time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as owner:
        owner.stdout.readline()
        (tmp_path / "demo").mkdir()
        created = psutil.Process(owner.pid).create_time()
        note = {"pid": owner.pid, "created": created, "processes": {}, "addresses": {}}
        (tmp_path / "demo" / NOTE).write_bytes(orjson.dumps(note))
        (found,) = running_systems(tmp_path)
        assert stop_system(found)
        assert not psutil.pid_exists(owner.pid)
    assert list(running_systems(tmp_path)) == []


def test_tail_names_the_logs_there_are(tmp_path):
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "kafka.log").write_text("a\nb\nc\n")
    assert tail(tmp_path, "kafka", 2) == ["b", "c"]
    with pytest.raises(FileNotFoundError, match="kafka"):
        tail(tmp_path, "spark", 2)
