"""The commands that people run, as processes of their own, from start to exit code."""

import json
import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from tests.support.eventually import eventually

pytestmark = pytest.mark.integration

NEXTHOUR = Path(sys.executable).with_name("nexthour")
SHARED_TICKS = Path(__file__).parents[3] / "shared" / "data" / "ticks"
CAPTURE = SHARED_TICKS / "binance-spot-btc-eth-trades-20240808T2354Z.jsonl.gz"


def run(*arguments, var_dir, timeout=600, **env):
    return subprocess.run(
        [str(NEXTHOUR), *arguments],
        env={**os.environ, "NEXTHOUR_VAR_DIR": str(var_dir), **env},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def left_behind(var_dir):
    """Processes that still have the run's folder in their command line."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline"]):
        if any(str(var_dir) in part for part in process.info["cmdline"] or []):
            found.append(process.info)
    return found


def the_one_line(finished):
    lines = finished.stderr.strip().splitlines()
    assert len(lines) == 1, finished.stderr
    return lines[0]


@pytest.mark.timeout(900)
def test_demo_checks_itself_and_leaves_nothing(tmp_path):
    finished = run("demo", "--check", var_dir=tmp_path, NEXTHOUR_DEMO_CHECK_HOURS="2")
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert report["is_green"]
    assert report["closed_hours"] >= 2
    expected = report["candles"]["expected"]
    assert expected >= 20
    assert report["candles"]["equal"] == {
        "postgres": expected,
        "parquet": expected,
        "topic": expected,
    }
    assert report["forecasts"]["by_registry_model"] == 10 * report["closed_hours"]
    assert report["model_status"] == "bootstrap"
    assert len(report["dashboard"]["symbols_with_forecast"]) == 10
    assert report["candle_latency"]["count"] >= 20
    assert left_behind(tmp_path) == []


@pytest.mark.realdata
@pytest.mark.timeout(600)
def test_replay_of_the_shared_capture(tmp_path):
    finished = run("replay", str(CAPTURE), var_dir=tmp_path)
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
    report = json.loads((tmp_path / "replay" / "report.json").read_text())
    assert (report["trades_in"], report["accounted_for"]) == (34_419, 34_419)
    assert report["verdicts"] == {"partial": 4}
    rows = {
        (row["symbol"], row["open_time"]): row
        for row in pq.read_table(tmp_path / "replay" / "candles.parquet").to_pylist()
    }
    before = datetime(2024, 8, 8, 23, tzinfo=UTC)
    after = datetime(2024, 8, 9, 0, tzinfo=UTC)
    assert rows["BTCUSDT", before]["close"] == Decimal("61685.99")
    assert rows["ETHUSDT", before]["close"] == Decimal("2682.50")
    assert rows["BTCUSDT", after]["open"] == Decimal("61686.00")
    assert rows["ETHUSDT", after]["open"] == Decimal("2682.50")
    assert sum(row["trades"] for row in rows.values()) == 34_419
    assert left_behind(tmp_path) == []


def test_replay_of_a_file_without_trades_says_so(tmp_path):
    file = tmp_path / "empty.jsonl"
    file.write_text('{"stream":"!ticker@arr","data":[]}\n')
    finished = run("replay", str(file), var_dir=tmp_path / "var")
    assert finished.returncode == 2
    assert "no @trade message" in the_one_line(finished)


def test_live_without_a_network_is_one_line(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        finished = run("live", var_dir=tmp_path, NEXTHOUR_EXCHANGE_REST_URL=url)
    assert finished.returncode == 2
    assert url in the_one_line(finished)
    assert left_behind(tmp_path) == []


def test_a_port_in_use_is_one_line(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        finished = run("demo", var_dir=tmp_path, NEXTHOUR_DASHBOARD_PORT=port)
    assert finished.returncode == 2
    line = the_one_line(finished)
    assert port in line
    assert "NEXTHOUR_DASHBOARD_PORT" in line
    assert left_behind(tmp_path) == []


def test_no_java_is_one_line(tmp_path):
    finished = run("demo", var_dir=tmp_path, PATH=str(tmp_path), JAVA_HOME="")
    assert finished.returncode == 2
    assert "Java" in the_one_line(finished)


def test_a_bad_setting_is_one_line(tmp_path):
    finished = run("demo", var_dir=tmp_path, NEXTHOUR_DEMO_HOUR_SECONDS="soon")
    assert finished.returncode == 2
    assert "hour_seconds" in the_one_line(finished)


@pytest.mark.timeout(300)
def test_ctrl_c_in_the_middle_of_the_start_leaves_nothing(tmp_path):
    environment = {**os.environ, "NEXTHOUR_VAR_DIR": str(tmp_path)}
    log = tmp_path / "demo" / "logs" / "training.log"
    with subprocess.Popen(
        [str(NEXTHOUR), "demo"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as demo:
        try:
            eventually(log.exists, 120)
            demo.send_signal(signal.SIGINT)
            _, errors = demo.communicate(timeout=60)
        finally:
            demo.kill()
    assert demo.returncode == 0, errors
    assert errors == b""
    assert left_behind(tmp_path) == []
