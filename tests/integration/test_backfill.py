"""`nexthour backfill` as a process: from REST, dumps and folders into Postgres and HDFS."""

from __future__ import annotations

import hashlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pandas as pd
import pyarrow.parquet as pq
import pytest

from conf.connections.hdfs import open_hdfs
from conf.connections.postgres import connect
from conf.names import HOUR_MS, epoch_ms
from tests.support.bundle import ROOT, Bundle
from tests.support.candle_run import context_of, execute
from tests.support.eventually import eventually
from tests.support.exchange import ExchangeServer
from tests.support.history_dumps import kline_row, write_dump

pytestmark = pytest.mark.integration

SYMBOLS = ("BTCUSDT", "USDCUSDT")
FIGURES = (
    *("open", "high", "low", "close", "volume", "quote_volume"),
    *("taker_buy_volume", "taker_buy_quote_volume", "trades"),
)
HOURLY = ROOT.parent / "shared" / "data" / "hourly"


def command(*options: str) -> list[str]:
    return [sys.executable, "-c", "from nexthour.cli import main; main()", "backfill", *options]


def environment(settings: Bundle, **changes: str) -> dict[str, str]:
    return {
        **os.environ,
        **settings.environment,
        "NEXTHOUR_SYMBOLS": ",".join(SYMBOLS),
        "NEXTHOUR_POSTGRES_STATEMENT_TIMEOUT_MS": "120000",
        **changes,
    }


def run(settings: Bundle, *options: str, **changes: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        command(*options),
        env=environment(settings, **changes),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return ended.returncode, ended.stdout, ended.stderr


def hours_of(settings: Bundle, where: str = "true") -> dict[tuple[str, int], tuple[Any, ...]]:
    rows: list[Any] = execute(
        context_of(settings),
        f"SELECT symbol, open_time, source, {', '.join(FIGURES)} FROM candle WHERE {where}",
    )
    return {(row[0], epoch_ms(row[1])): row[2:] for row in rows}


def file_of(settings: Bundle, symbol: str) -> list[dict[str, Any]]:
    content = open_hdfs(settings.hdfs).cat_file(settings.namespace.history_file(symbol))
    rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(content)).to_pylist()
    return rows


def loads_of(settings: Bundle) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    rows = execute(
        context_of(settings),
        "SELECT symbol, source, chunk, checksum, rows, rejected FROM history_load",
    )
    return {row[:3]: row[3:] for row in rows}


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder as a mirror of the dumps would."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_rest_and_dumps_tell_the_exchanges_book(
    settings: Bundle, exchange_server: Callable[..., ExchangeServer]
) -> None:
    # The past begins on 2024-11-26 and ends on 2025-01-05: a month begun, a whole one in ms, days in µs.
    exchange = exchange_server(
        hold=True,
        symbols=",".join(SYMBOLS),
        start="2025-01-05T00:00:00Z",
        history_hours=40 * 24,
        trades_per_hour=100,
    )
    expected: dict[tuple[str, int], tuple[Any, ...]] = {}
    for symbol in SYMBOLS:
        book: Any = exchange.get("/oracle/candles", symbol=symbol, start_ms=0, end_ms=2**53)
        for bar in book:
            figures = tuple(Decimal(str(bar[name])) for name in FIGURES)
            expected[symbol, bar["open_time_ms"]] = figures
    live_ms = int(exchange.get("/status")["live_start_ms"])  # type: ignore[call-overload,index] # JSON
    expected = {key: figures for key, figures in expected.items() if key[1] < live_ms}
    assert len(expected) == 2 * 40 * 24

    code, said, complained = run(
        settings, "--from-rest", "--from", "2024-10", **exchange.environment
    )
    assert (code, complained) == (0, ""), said
    assert hours_of(settings) == {key: ("rest-klines", *row) for key, row in expected.items()}
    # The running month is not noted, hence asked for again.
    assert set(loads_of(settings)) == {
        (symbol, "rest-klines", month)
        for symbol in SYMBOLS
        for month in ("2024-10", "2024-11", "2024-12")
    }
    assert [epoch_ms(row["open_time"]) for row in file_of(settings, "BTCUSDT")] == sorted(
        open_ms for symbol, open_ms in expected if symbol == "BTCUSDT"
    )

    dumps = ("--from-dumps", "--dumps-url", exchange.rest_url, "--from", "2024-10")
    code, said, complained = run(settings, *dumps, "--until", "2025-01-04")
    assert (code, complained) == (0, ""), said
    by_dump = {key: ("dump", *row) for key, row in expected.items()}
    assert hours_of(settings) == by_dump
    loads = {key[::2]: row for key, row in loads_of(settings).items() if key[1] == "dump"}
    days = [f"2025-01-0{day}" for day in range(1, 5)]
    assert set(loads) == {(s, part) for s in SYMBOLS for part in ("2024-11", "2024-12", *days)}
    path = "/data/spot/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-12.zip"
    zipped = httpx.get(exchange.rest_url + path).content
    assert loads["BTCUSDT", "2024-12"] == (hashlib.sha256(zipped).hexdigest(), 744, 0)
    assert {row["source"] for row in file_of(settings, "BTCUSDT")} == {"dump"}

    # A source that is not better replaces nothing, not even when it is loaded again; nor does the
    # job that loads the last days at each start, and the file keeps its years.
    code, said, _ = run(
        settings, "--from-rest", "--from", "2024-10", "--again", **exchange.environment
    )
    assert code == 0, said
    assert hours_of(settings) == by_dump
    job = subprocess.run(
        [sys.executable, "-m", "streaming.history"],
        env=environment(settings, NEXTHOUR_HISTORY_DAYS="10", **exchange.environment),
        cwd=ROOT,
        check=False,
        timeout=120,
    )
    assert job.returncode == 0
    assert hours_of(settings) == by_dump
    assert len(file_of(settings, "USDCUSDT")) == 40 * 24

    code, _, complained = run(
        settings, "--from-rest", "--symbols", "BTCUSDT,MATICUSDT", **exchange.environment
    )
    assert code == 2
    assert complained.count("\n") == 1
    assert "MATICUSDT" in complained
    assert "POLUSDT" in complained


def test_a_dump_with_another_checksum_is_refused_and_bad_rows_are_kept_on_record(
    settings: Bundle, tmp_path: Path
) -> None:
    first = epoch_ms(datetime(2024, 3, 1, tzinfo=UTC))
    good = [kline_row(first + hour * HOUR_MS) for hour in range(744)]
    header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,a,b,ignore"
    bad = [
        kline_row(first + 5 * HOUR_MS, price="7"),  # contradicts the good one: both go
        kline_row(first + 60_000),
        kline_row(first + 9 * HOUR_MS, high="1"),
        kline_row(first - HOUR_MS),
    ]
    march = [header, *reversed(good), good[3], *bad]
    write_dump(tmp_path, "BTCUSDT", "2024-03", march)
    april = [kline_row(first + (744 + hour) * HOUR_MS, "us") for hour in range(720)]
    checksum = write_dump(tmp_path, "BTCUSDT", "2024-04", april)
    stated = checksum.read_text()
    checksum.write_text(stated.replace(stated[:8], "00000000", 1))
    options = ("--from-dumps", "--symbols", "BTCUSDT", "--from", "2024-02", "--until", "2024-04")
    with served(tmp_path) as url:
        code, said, complained = run(settings, *options, "--dumps-url", url)
        assert (code, complained) == (1, "")
        (line,) = [line for line in said.splitlines() if "2024-04.zip" in line]
        assert "refused" in line
        assert "SHA-256" in line
        assert set(loads_of(settings)) == {("BTCUSDT", "dump", "2024-03")}
        kept = {open_ms for _, open_ms in hours_of(settings)}
        assert kept == {first + hour * HOUR_MS for hour in range(744) if hour != 5}
        rejected: list[Any] = execute(
            context_of(settings),
            "SELECT chunk, reason, row_text FROM history_rejection ORDER BY position",
        )
        reasons = [reason.split(":")[0] for _, reason, _ in rejected]
        assert reasons == ["conflict", "conflict", "misaligned", "impossible", "outside"]
        assert [text for _, _, text in rejected[1:]] == bad
        assert {chunk for chunk, _, _ in rejected} == {"2024-03"}

        checksum.write_text(stated)
        code, said, complained = run(settings, *options, "--dumps-url", url)
        assert (code, complained) == (0, ""), said
        assert len(hours_of(settings)) == 743 + 720
    code, said, complained = run(
        settings, *options, "--again", "--dumps-url", url, NEXTHOUR_HISTORY_DUMPS_ATTEMPTS="1"
    )
    assert code == 2
    assert complained.count("\n") == 1
    assert url in complained


def record(folder: Path, symbol: str, hours: int) -> pd.DataFrame:
    """Write hours from 2023-01-01 on, as in a folder of recorded ones, and return them."""
    begin = datetime(2023, 1, 1, tzinfo=UTC)
    frame = pd.DataFrame(
        {
            "open_time": [begin + timedelta(hours=hour) for hour in range(hours)],
            "open": [100.1 + hour / 10 for hour in range(hours)],
            "high": [101.3 + hour / 10 for hour in range(hours)],
            "low": [100.0 + hour / 10 for hour in range(hours)],
            "close": [100.9 + hour / 10 for hour in range(hours)],
            "volume": [0.1 + 0.2 + hour for hour in range(hours)],
            "quote_volume": [None if hour % 2 else 30.5 for hour in range(hours)],
            "trades": pd.array([None if hour % 2 else hour for hour in range(hours)], "Int64"),
            "source": ["somewhere"] * hours,
        }
    )
    frame["open_time"] = frame["open_time"].astype("datetime64[ms, UTC]")
    frame.to_parquet(folder / f"{symbol}-1h.parquet", index=False)
    return frame


def test_killed_between_chunks_it_goes_on_and_leaves_own_candles_alone(
    settings: Bundle, tmp_path: Path
) -> None:
    frame = record(tmp_path, "BTCUSDT", 24 * 150)  # January to May
    frame = frame.drop([7, 8])  # halted
    flat = ["open", "high", "low", "close"]
    frame.loc[9, [*flat, "volume"]] = [100.5, 100.5, 100.5, 100.5, 0.0]
    frame.loc[10, [*flat[:3], "volume"]] = None  # only the close is known
    frame.to_parquet(tmp_path / "BTCUSDT-1h.parquet", index=False)
    context = context_of(settings)
    own_hour = "2023-02-03 04:00+00"
    execute(
        context,
        "INSERT INTO candle (symbol, open_time, revision, close, status, verdict, source) "
        f"VALUES ('BTCUSDT', '{own_hour}', 1, 1, 'final', 'complete', 'trades')",
    )
    options = ("--from-folder", str(tmp_path))

    # The line of March is held by a transaction of ours: the backfill waits in the middle of its own.
    blocker = connect(settings.postgres, settings.namespace)
    with blocker.cursor() as cursor:
        cursor.execute(
            "INSERT INTO history_load (symbol, source, chunk, rows, rejected) "
            "VALUES ('BTCUSDT', 'folder', '2023-03', 0, 0)"
        )
    process = subprocess.Popen(
        command(*options), env=environment(settings), cwd=ROOT, start_new_session=True
    )
    try:
        waits = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
            f"AND application_name = 'nexthour-{settings.namespace.name}'"
        )
        eventually(lambda: execute(context, waits) == [(1,)], 120)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        blocker.rollback()
        blocker.close()
    assert {chunk for _, _, chunk in loads_of(settings)} == {"2023-01", "2023-02"}
    march = "open_time >= '2023-03-01'"
    assert hours_of(settings, march) == {}
    stamps = "SELECT open_time, updated_at FROM candle ORDER BY open_time"
    before = execute(context, stamps)
    # The killed process's connection may outlive it for a moment, and with it its turn.
    eventually(lambda: run(settings, *options)[0] == 0, 120)
    assert execute(context, stamps)[: len(before)] == before

    hours = hours_of(settings)
    assert len(hours) == 24 * 150 - 2
    january = epoch_ms(datetime(2023, 1, 1, tzinfo=UTC))
    shown = {hour: hours["BTCUSDT", january + hour * HOUR_MS] for hour in (0, 1, 9, 10)}
    assert shown[0][:7] == (
        "folder",
        *map(Decimal, ("100.1", "101.3", "100.0", "100.9", "0.3", "30.5")),
    )
    assert shown[0][-1] == 0
    assert shown[1][-4:] == (None, None, None, None)
    assert shown[9][1:6] == (*[Decimal("100.5")] * 4, 0)
    assert shown[10][1:6] == (None, None, None, Decimal("101.9"), None)
    own = hours_of(settings, f"open_time = '{own_hour}'")
    assert [row[0] for row in own.values()] == ["trades"]

    file = {epoch_ms(row["open_time"]): row for row in file_of(settings, "BTCUSDT")}
    assert len(file) == 24 * 150 - 2
    assert file[january]["quote_volume"] == 30.5
    assert file[january + HOUR_MS]["quote_volume"] is None
    assert file[next(iter(own))[1]]["source"] == "trades"

    # Nothing is left to do; a file that changed is loaded again, unasked.
    loaded_at = "SELECT chunk, loaded_at FROM history_load ORDER BY chunk"
    stamps_of_loads: list[Any] = execute(context, loaded_at)
    assert run(settings, *options)[0] == 0
    assert execute(context, loaded_at) == stamps_of_loads
    assert run(settings, *options, "--again", "--from", "2023-02", "--until", "2023-02")[0] == 0
    again: dict[Any, Any] = dict(execute(context, loaded_at))  # type: ignore[arg-type] # pairs
    assert {chunk for chunk, at in stamps_of_loads if again[chunk] != at} == {"2023-02"}
    frame.loc[11, "close"] = 101.5
    frame.to_parquet(tmp_path / "BTCUSDT-1h.parquet", index=False)
    assert run(settings, *options)[0] == 0
    mended = hours_of(settings)["BTCUSDT", january + 11 * HOUR_MS]
    assert mended[4] == Decimal("101.5")


@pytest.mark.realdata
def test_recorded_hours_arrive_whole_and_two_symbols_of_one_asset_stay_apart(
    settings: Bundle,
) -> None:
    symbols = ("MATICUSDT", "USDCUSDT")
    code, said, complained = run(
        settings, "--from-folder", str(HOURLY), "--symbols", ",".join(symbols)
    )
    assert (code, complained) == (0, ""), said
    for symbol in symbols:
        recorded = pq.read_table(HOURLY / f"{symbol}-1h.parquet").to_pandas()
        stored = pd.DataFrame(file_of(settings, symbol))
        assert list(stored["open_time"]) == list(recorded["open_time"])
        for name in ("open", "high", "low", "close", "volume", "quote_volume"):
            difference = (stored[name] - recorded[name]).abs().max()
            assert difference <= 5e-9 or pd.isna(difference), name
            assert list(stored[name].isna()) == list(recorded[name].isna()), name
        known = recorded["trades"].notna()
        assert list(stored["trades"].notna()) == list(known)
        assert list(stored["trades"][known]) == list(recorded["trades"][known])
    context = context_of(settings)
    assert execute(context, "SELECT count(*) FROM history_rejection") == [(0,)]
    changes = "SELECT old_symbol, new_symbol, began_at - ended_at, ratio FROM symbol_change"
    assert execute(context, changes) == [("MATICUSDT", "POLUSDT", timedelta(hours=79), 1)]
