"""Hourly candles by Flink SQL on the Avro topic, run by the Python of ``.deps/peers``.

``flink.py BOOTSTRAP TOPIC ROWS PORT FIELDS JAR…`` with FIELDS as JSON ``[[name, SQL type], …]``. Imports
nothing of the project. The last line that it prints is a JSON `Outcome` of `outcome.py`.

Our wire header is a zero byte and four bytes of a schema id below 64: the Avro encoding of five small
integers. The table begins with them, so that Flink reads the very same messages.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

import psutil
from pyflink.common import Configuration  # type: ignore[import-not-found] # of another Python
from pyflink.table import (  # type: ignore[import-not-found]
    EnvironmentSettings,
    TableEnvironment,
)

POLL_S = 0.25
GIVE_UP_S = 300.0


def table_environment(port: str, jars: Sequence[str]) -> Any:
    """Return a mini cluster with one slot a core."""
    configuration = Configuration()
    options = {
        "pipeline.jars": ";".join(f"file://{os.path.abspath(jar)}" for jar in jars),
        "parallelism.default": "2",
        "taskmanager.numberOfTaskSlots": "2",
        "rest.port": str(port),
        "rest.address": "127.0.0.1",
        "metrics.fetcher.update-interval": "200",
    }
    for name, value in options.items():
        configuration.set_string(name, value)
    settings = EnvironmentSettings.new_instance().in_streaming_mode()
    tables = TableEnvironment.create(settings.with_configuration(configuration).build())
    tables.get_config().set("table.local-time-zone", "UTC")
    return tables


def start_query(tables: Any, bootstrap: str, topic: str, fields: Sequence[Sequence[str]]) -> None:
    """Start the query: candles of closed hours, by order of arrival, without verdict."""
    columns = ", ".join(f"`{name}` {kind}" for name, kind in fields)
    tables.execute_sql(
        f"""CREATE TABLE trades ({columns},
        ts AS TO_TIMESTAMP_LTZ(trade_time_ms, 3),
        WATERMARK FOR ts AS ts - INTERVAL '10' SECOND)
        WITH ('connector' = 'kafka', 'topic' = '{topic}', 'format' = 'avro',
        'properties.bootstrap.servers' = '{bootstrap}',
        'properties.isolation.level' = 'read_committed',
        'scan.startup.mode' = 'earliest-offset')"""
    )
    tables.execute_sql(
        """CREATE TABLE candles (symbol STRING, hour_ms TIMESTAMP(3), o BIGINT, h BIGINT,
        l BIGINT, c BIGINT, v BIGINT, n BIGINT) WITH ('connector' = 'blackhole')"""
    )
    tables.execute_sql(
        """INSERT INTO candles
        SELECT symbol, window_start, FIRST_VALUE(price), MAX(price), MIN(price),
            LAST_VALUE(price), SUM(quantity), COUNT(*)
        FROM TABLE(TUMBLE(DATA => TABLE trades, TIMECOL => DESCRIPTOR(ts), SIZE => INTERVAL '1' HOUR))
        WHERE kind = 'TRADE'
        GROUP BY symbol, window_start, window_end"""
    )


class Metrics:
    """Rows that the source has decoded, from Flink's own REST interface."""

    def __init__(self, port: str) -> None:
        self._port = port
        self._path: str | None = None

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=2) as answer:
            return json.load(answer)

    def rows(self) -> int | None:
        """Return them, None while nothing is known."""
        if self._path is None:
            job = self._get("/jobs")["jobs"][0]["id"]
            vertices = self._get(f"/jobs/{job}")["vertices"]
            source = next(one["id"] for one in vertices if "Source" in one["name"])
            metrics = f"/jobs/{job}/vertices/{source}/metrics"
            wanted = [
                one["id"]
                for one in self._get(metrics)
                if one["id"].endswith(".numRecordsOut") and "Source__" in one["id"]
            ]
            if not wanted:
                return None
            self._path = f"{metrics}?get={urllib.parse.quote(','.join(wanted))}"
        return int(sum(float(one["value"]) for one in self._get(self._path)))


def used() -> tuple[float, float]:
    """Return processor seconds and resident MiB of this process and its children."""
    own = psutil.Process()
    cpu_s = mib = 0.0
    for process in (own, *own.children(recursive=True)):
        cpu_s += sum(process.cpu_times()[:2])
        mib += process.memory_info().rss / 2**20
    return cpu_s, mib


def main() -> None:
    """Run until so many rows are read."""
    bootstrap, topic, rows, port, fields = sys.argv[1:6]
    tables = table_environment(port, sys.argv[6:])
    start_query(tables, bootstrap, topic, json.loads(fields))
    metrics = Metrics(port)
    samples: list[dict[str, float]] = []
    peak_mib, seen = 0.0, 0
    last_error: Exception | None = None
    give_up_s = time.monotonic() + GIVE_UP_S
    while seen < int(rows):
        if time.monotonic() > give_up_s:
            sys.exit(f"only {seen} rows in {GIVE_UP_S} s; {last_error}")
        time.sleep(POLL_S)
        try:
            found = metrics.rows()
        except (OSError, LookupError, StopIteration) as error:
            last_error = error
            continue
        cpu_s, mib = used()
        peak_mib = max(peak_mib, mib)
        if found and found > seen:
            seen = found
            samples.append({"rows": seen, "at_s": time.time(), "cpu_s": cpu_s})
    print(json.dumps({"samples": samples, "peak_mib": round(peak_mib)}), flush=True)
    os._exit(0)  # the job is endless


if __name__ == "__main__":
    main()
