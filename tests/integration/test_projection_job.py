"""`python -m model.projection.job` on real HDFS and Postgres: the fan from the last midnight."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pyarrow.parquet as pq
import pytest

from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from tests.support.bundle import ROOT, Bundle, bundle_of
from tests.support.model_history import COINS, history_table, random_panel

pytestmark = pytest.mark.integration


def run_job(settings: Bundle) -> subprocess.CompletedProcess[str]:
    run = bundle_of(settings.environment, settings.namespace, settings.run.var_dir, symbols=COINS)
    return subprocess.run(
        [sys.executable, "-m", "model.projection.job"],
        cwd=ROOT,
        env={**os.environ, **run.environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def fan(settings: Bundle) -> list[tuple[object, ...]]:
    connection = connect(settings.postgres, settings.namespace)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT symbol, origin, horizon_days, q05, q25, q50, q75, q95, last_close, method "
                "FROM projection ORDER BY symbol, horizon_days"
            )
            rows = cursor.fetchall()
            cursor.execute("SELECT count(*) FROM projection_path")
            rows.append(cursor.fetchone())
            return rows
    finally:
        connection.close()


def test_the_fan_is_written_and_written_again_the_same(settings: Bundle) -> None:
    panel = random_panel(hours=60 * 24)
    files = open_hdfs(settings.hdfs)
    for symbol in COINS[1:]:  # the first one is listed only now
        content = io.BytesIO()
        pq.write_table(history_table(panel, symbol), content)
        files.pipe_file(settings.namespace.history_file(symbol), content.getvalue())
    done = run_job(settings)
    assert done.returncode == 0, done.stderr
    first = fan(settings)
    *rows, paths = first
    assert len(rows) == 180 * (len(COINS) - 1)
    assert paths is not None
    assert paths[0]
    last = panel.groupby("symbol")["close"].last()
    for row in rows:
        symbol, _, _, q05, q25, q50, q75, q95, close, method = row
        assert [q05, q25, q50, q75, q95] == sorted([q05, q25, q50, q75, q95])
        assert close == last[symbol]
        if symbol != "USDCUSDT":
            assert q50 == pytest.approx(close)
            assert method == "short history"
    assert run_job(settings).returncode == 0
    assert fan(settings) == first


def test_without_history_one_line(settings: Bundle) -> None:
    done = run_job(settings)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith("projection: no history such as")
