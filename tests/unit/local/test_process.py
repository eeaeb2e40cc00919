from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from local.errors import LocalError
from local.ports import HOST, PortClaims
from local.process import ManagedProcess, answers, is_listening, last_telling_line, log_has
from tests.support.eventually import eventually

pytestmark = pytest.mark.unit

STUBBORN = """
import signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(60)
"""
ORDERLY = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print("orderly end", flush=True), sys.exit(0)))
print("ready", flush=True)
time.sleep(60)
"""
# the leader ends only when its helper still lives, as a Spark driver that needs its JVM
WITH_HELPER = """
import signal, subprocess, sys, time
helper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
def end(*_):
    time.sleep(0.2)
    print("helper lives" if helper.poll() is None else "helper died first", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print(f"helper {helper.pid}", flush=True)
time.sleep(60)
"""


def python(tmp_path: Path, source: str, **options: object) -> ManagedProcess:
    command = [sys.executable, "-c", source]
    return ManagedProcess("child", command, log_dir=tmp_path / "logs", **options)  # type: ignore[arg-type]


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_ends_in_order_when_asked(tmp_path: Path) -> None:
    child = python(tmp_path, ORDERLY).start()
    child.wait_ready(log_has(child, "^ready"), 10)
    assert child.is_running
    assert child.stop() == 0
    assert "orderly end" in child.log_text()
    assert child.stop() == 0
    assert not child.is_running


def test_is_killed_when_it_does_not_end(tmp_path: Path) -> None:
    child = python(tmp_path, STUBBORN, stop_timeout_s=0.2).start()
    child.wait_ready(log_has(child, "^ready"), 10)
    assert child.stop() == -signal.SIGKILL


def test_asks_the_leader_alone_and_then_ends_what_it_leaves(tmp_path: Path) -> None:
    child = python(tmp_path, WITH_HELPER).start()
    child.wait_ready(log_has(child, r"^helper \d+"), 10)
    helper = int(child.log_text().split()[1])
    child.stop()
    assert "helper lives" in child.log_text()
    eventually(lambda: is_gone(helper), 5)


def test_an_early_end_is_one_line_with_the_reason(tmp_path: Path) -> None:
    child = python(tmp_path, "raise OSError('Address already in use')").start()
    with pytest.raises(LocalError) as error:
        child.wait_ready(lambda: False, 10)
    message = str(error.value)
    assert message.startswith("child ended with code 1: OSError: Address already in use (log: ")
    assert "\n" not in message


def test_a_late_start_is_one_line(tmp_path: Path) -> None:
    with (
        python(tmp_path, ORDERLY) as child,
        pytest.raises(LocalError, match=r"^child was not ready after 0 s"),
    ):
        child.wait_ready(lambda: False, 0.1)
    assert not child.is_running


def test_a_missing_program_is_one_line(tmp_path: Path) -> None:
    child = ManagedProcess("child", [str(tmp_path / "nothing")], log_dir=tmp_path)
    with pytest.raises(LocalError, match=r"^child cannot be started: .*nothing"):
        child.start()
    assert child.stop() is None


def test_an_unwritable_log_folder_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    child = ManagedProcess("child", ["true"], log_dir=tmp_path / "file")
    with pytest.raises(LocalError, match=r"^child cannot be started: "):
        child.start()


def test_tells_only_what_this_start_wrote(tmp_path: Path) -> None:
    first = python(tmp_path, "print('ready')").start()
    first.wait(10)
    second = python(tmp_path, "print('other')").start()
    second.wait(10)
    assert second.log_text() == "other\n"
    assert not log_has(second, "ready")()


def test_waiting_for_its_end_is_bounded(tmp_path: Path) -> None:
    with python(tmp_path, ORDERLY) as child, pytest.raises(TimeoutError):
        child.wait(0.1)


def test_gets_the_environment_and_folder(tmp_path: Path) -> None:
    source = "import os; print(os.environ['NEXTHOUR_X'], os.getcwd(), os.getpid() == os.getsid(0))"
    child = python(tmp_path, source, env={"NEXTHOUR_X": "7"}, cwd=tmp_path).start()
    assert child.wait(10) == 0
    assert child.log_text().split() == ["7", str(tmp_path), "True"]


def test_conditions_on_a_port_and_on_http(tmp_path: Path) -> None:
    ports = PortClaims()
    port = ports.claim(0, "test")
    url = f"http://{HOST}:{port}/"
    assert not is_listening(HOST, port)()
    assert not answers(url)()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", HOST]
    with ManagedProcess("http", command, log_dir=tmp_path / "logs", cwd=tmp_path) as server:
        server.wait_ready(is_listening(HOST, port), 10)
        server.wait_ready(answers(url), 10)
        assert not answers(f"{url}missing")()
        assert answers(f"{url}missing", lambda answer: answer.status_code == 404)()
    ports.release()


OWNER = """
import sys, time
from pathlib import Path
from local.process import ManagedProcess, log_has
child = ManagedProcess("child", [sys.executable, "-c", sys.argv[2]], log_dir=Path(sys.argv[1]))
child.start()
child.wait_ready(log_has(child, r"^helper"), 10)
print(child.pid, child.log_text().split()[1], flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_child_outlives_its_owner(tmp_path: Path, number: signal.Signals) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path), WITH_HELPER],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert owner.stdout is not None
    pids = [int(word) for word in owner.stdout.readline().split()]
    assert len(pids) == 2
    assert not any(is_gone(pid) for pid in pids)
    os.kill(owner.pid, number)
    owner.wait()
    owner.stdout.close()
    eventually(lambda: all(is_gone(pid) for pid in pids), 10, message="leader and helper end")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "it wrote nothing to its log"),
        ("one\ntwo\n\n", "two"),
        (
            "INFO a\nERROR no space left on device\nINFO shut down\n",
            "ERROR no space left on device",
        ),
        (
            "Traceback (most recent call last):\n  File 'x', line 1\nValueError: bad\n",
            "ValueError: bad",
        ),
        (
            "java.net.BindException: in use\n\tat a.b.c(Error.java:1)\n\t... 3 more\n",
            "java.net.BindException: in use",
        ),
        ("x" * 1000, "x" * 400),
    ],
)
def test_the_telling_line(text: str, line: str) -> None:
    assert last_telling_line(text) == line
