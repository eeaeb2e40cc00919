"""`python -m exchange` as a process: signals, and starts that cannot be."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
import websockets
from websockets.asyncio.client import connect

from exchange.__main__ import main
from tests.support.standin import never, read_until

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


def start_process(**variables: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "NEXTHOUR_STANDIN_PORT": "0",
        "NEXTHOUR_STANDIN_CONTROL_PORT": "0",
        **{f"NEXTHOUR_STANDIN_{name.upper()}": value for name, value in variables.items()},
    }
    return subprocess.Popen(
        [sys.executable, "-m", "exchange"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_stops_the_process_cleanly(number: signal.Signals) -> None:
    process = start_process(speed="3600")
    try:
        assert process.stdout is not None
        addresses = json.loads(await asyncio.to_thread(process.stdout.readline))
        async with connect(f"{addresses['ws_url']}/ws/btcusdt@trade") as stream:
            await stream.recv()
            process.send_signal(number)
            with pytest.raises(websockets.ConnectionClosed) as caught:
                await read_until(stream, never)
        assert await asyncio.to_thread(process.wait, 10) == 0
    finally:
        process.kill()
        process.communicate()

    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001


@pytest.fixture
def run_main(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[[dict[str, str]], tuple[int, str]]]:
    """Run the process's entry point here; return its exit code and what it says on stderr."""

    def run(variables: dict[str, str]) -> tuple[int, str]:
        for name, value in {"port": "0", "control_port": "0", **variables}.items():
            monkeypatch.setenv(f"NEXTHOUR_STANDIN_{name.upper()}", value)
        code = main()
        return code, capsys.readouterr().err

    yield run
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"symbols": "BTCUSDT,NOSUCHUSDT"}, "NOSUCHUSDT"),
        ({"capture": "/no/such/file"}, "NEXTHOUR_STANDIN_CAPTURE"),
        ({"history_dir": "/no/such/folder"}, "NEXTHOUR_STANDIN_HISTORY_DIR"),
        ({"speed": "fast"}, "NEXTHOUR_STANDIN_SPEED"),
        ({"start": "2026-01-01T00:30:00Z"}, "NEXTHOUR_STANDIN_START"),
        ({"live_from_history": "true"}, "live_from_history needs history_dir"),
        ({"bursts": "BTCUSDT:1"}, "NEXTHOUR_STANDIN_BURSTS"),
        ({"absent_ids": "BTCUSDT:x:1"}, "NEXTHOUR_STANDIN_ABSENT_IDS"),
        ({"abort_at": "NOPEUSDT:1"}, "NEXTHOUR_STANDIN_ABORT_AT"),
        ({"error_form": "round"}, "NEXTHOUR_STANDIN_ERROR_FORM"),
        ({"scenario": "/no/such/file"}, "NEXTHOUR_STANDIN_SCENARIO"),
        ({"scenario": __file__}, "entry 1"),
        ({"host": "no.such.host.invalid"}, "no.such.host.invalid"),
    ],
)
def test_a_start_that_cannot_be_is_one_line_and_exit_code_2(
    run_main: Callable[[dict[str, str]], tuple[int, str]], variables: dict[str, str], named: str
) -> None:
    code, errors = run_main(variables)

    assert code == 2
    assert len(errors.strip().splitlines()) == 1
    assert named in errors


@pytest.mark.parametrize("setting", ["port", "control_port"])
def test_a_port_in_use_is_named_with_its_setting(
    run_main: Callable[[dict[str, str]], tuple[int, str]], setting: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, errors = run_main({setting: port})

    assert code == 2
    assert len(errors.strip().splitlines()) == 1
    assert port in errors
    assert f"NEXTHOUR_STANDIN_{setting.upper()}" in errors
