"""One batch of the stream and one repair of the same hour, at every point of one the whole other.

Whatever happens to the first of the two at that point (it goes on, it is killed and comes again, it loses
its connection to Postgres and goes on), all three stores say the same in the end.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.abort import AbortSwitch
from conf.connections.hdfs import open_hdfs, write_replacing
from conf.connections.postgres import connect
from conf.contracts.candles import Candle
from conf.names import HOUR_MS
from producers.topics import ensure_topics
from streaming.candles.files import CandleFiles
from streaming.candles.sink import CandleSink
from streaming.candles.table import Batch, CandleTable
from streaming.candles.topic import CandleTopic
from streaming.candles.verdict import judge, read_hour
from streaming.context import PipelineContext
from streaming.reconcile.readers import from_parquet, from_topic
from streaming.repair.requests import Wanted
from streaming.repair.store import RepairStore
from tests.support.bundle import Bundle
from tests.support.candle_records import HOUR, closing, trade
from tests.support.candle_rows import row
from tests.support.candle_run import context_of, execute, in_postgres
from tests.support.eventually import eventually
from tests.support.interference import At

pytestmark = pytest.mark.integration

WAIT_S = 30.0
SYMBOL = "BTCUSDT"
OF_THE_STREAM = (
    "judged",
    "transaction_begun",
    "revisions_read",
    "files_written",
    "topic_flushed",
    "rows_written",
    "before_commit",
    "after_commit",
)
OF_A_REPAIR = (
    "transaction_begun",
    "rows_written",
    "files_written",
    "topic_flushed",
    "before_commit",
    "after_commit",
)
POINTS = {"stream": OF_THE_STREAM, "repair": OF_A_REPAIR}


class KilledError(Exception):
    """Stands for a kill: nothing in the code under test knows it."""


@dataclass(frozen=True)
class Meeting:
    """What is known of one hour of eight trades: before, by the stream's batch, and by the repair.

    Attributes:
        open_ms: the hour.
        before: how many trades the stream has stored; 0 for none.
        is_running: whether they were stored as a running hour.
        rebuilt: how many trades the repair found.
        wins: the source of the candle that is right in the end.
    """

    open_ms: int
    before: int
    rebuilt: int
    wins: str
    is_running: bool = False

    @property
    def stored(self) -> dict[str, Any]:
        """The row that the stream has stored before."""
        return self._row(self.before, is_closed=not self.is_running)

    @property
    def brought(self) -> dict[str, Any]:
        """The row that the stream brings now."""
        return self._row(6)

    @property
    def repaired(self) -> Candle:
        """The candle that the repair brings."""
        candle = judge(read_hour(self._row(self.rebuilt)))
        return replace(candle, witness="REST", source="repair")

    def _row(self, trades: int, *, is_closed: bool = True) -> dict[str, Any]:
        """Return the hour with its first trades and its last; what is between is a gap."""
        whole = [trade(10 + n, f"{100 + n}", at_ms=self.open_ms + n) for n in range(TRADES)]
        closes = [closing(whole, open_time_ms=self.open_ms)] if is_closed else []
        fields = {"open_time_ms": self.open_ms, "gap_ids": TRADES - trades or None}
        return row([*whole[: trades - 1], whole[-1]], closes, **fields)


TRADES = 8
KINDS = {
    # nothing is there yet
    "first": partial(Meeting, before=0, rebuilt=8, wins="repair"),
    "running": partial(Meeting, before=2, is_running=True, rebuilt=8, wins="repair"),
    # the repair knows all, the stream a little more than before
    "store": partial(Meeting, before=4, rebuilt=8, wins="repair"),
    # the repair finds again what was there before
    "restore": partial(Meeting, before=4, rebuilt=4, wins="trades"),
    # the repair knows less than what was there
    "keep": partial(Meeting, before=4, rebuilt=3, wins="trades"),
}


class Sides:
    """Both writers of a namespace; each time they come they have stores of their own."""

    def __init__(self, context: PipelineContext) -> None:
        self.context = context
        self._application = f"nexthour-{context.namespace.name}"
        self._pids: list[int] = []
        self._batches = itertools.count()
        self._write = partial(write_replacing, open_hdfs(context.hdfs))
        self._topics = {
            side: CandleTopic(context.kafka, context.namespace.candles_topic) for side in POINTS
        }

    def _connect(self) -> Connection:
        connection = connect(self.context.postgres, self.context.namespace)
        self._pids.append(connection.info.backend_pid)
        return connection

    def _files(self) -> CandleFiles:
        return CandleFiles(self.context.namespace, self._write)

    def stream(self, row: dict[str, Any], batch: int, abort: AbortSwitch | None = None) -> None:
        table = CandleTable(self._connect, abort)
        sink = CandleSink(table, self._files(), self._topics["stream"], abort=abort)
        try:
            sink.store([row], Batch("candles", "one", batch))
        finally:
            sink.close()

    def repair(self, meeting: Meeting, abort: AbortSwitch | None = None) -> None:
        store = RepairStore(self._connect, self._files(), self._topics["repair"], abort)
        wanted = Wanted(SYMBOL, meeting.open_ms, requests=1)
        try:
            store.store(wanted, meeting.repaired, TRADES - meeting.rebuilt, "a test")
        finally:
            store.close()

    def acts(self, meeting: Meeting) -> dict[str, Callable[..., None]]:
        """Return what each side does, given a switch or none; it can be done again."""
        return {
            "stream": partial(self.stream, meeting.brought, next(self._batches)),
            "repair": partial(self.repair, meeting),
        }

    def begin(self, meeting: Meeting) -> None:
        """Store what is there before."""
        if meeting.before:
            self.stream(meeting.stored, next(self._batches))

    def one_waits(self) -> bool:
        """Tell whether a connection waits for a lock of another one."""
        waiting = f"application_name = '{self._application}' AND wait_event_type = 'Lock'"
        return bool(execute(self.context, f"SELECT 1 FROM pg_stat_activity WHERE {waiting}"))

    def end_connections(self) -> None:
        """End all connections that were opened so far, as a restart of the server would."""
        numbers = ", ".join(map(str, self._pids)) or "0"
        own = f"application_name = '{self._application}' AND pid IN ({numbers})"
        execute(self.context, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {own}")
        left = f"SELECT pid FROM pg_stat_activity WHERE {own}"
        eventually(lambda: not execute(self.context, left), WAIT_S)
        self._pids.clear()


@pytest.fixture
def sides(settings: Bundle) -> Sides:
    ensure_topics(settings.kafka, settings.run)
    return Sides(context_of(settings))


def goes_on(sides: Sides, meeting: Meeting, first: str, second: str, point: str) -> None:
    """The second comes when the first is at the point: it runs through, or waits for its turn."""
    acts = sides.acts(meeting)
    failures: list[Exception] = []

    def come() -> None:
        try:
            acts[second](None)
        except Exception as error:
            failures.append(error)

    other = threading.Thread(target=come)

    def interfere() -> None:
        other.start()
        eventually(lambda: not other.is_alive() or sides.one_waits(), WAIT_S)

    switch = At(point, interfere)
    acts[first](switch)
    other.join(WAIT_S)
    assert switch.is_passed
    assert not other.is_alive()
    assert not failures


def is_killed(sides: Sides, meeting: Meeting, first: str, second: str, point: str) -> None:
    """The first is killed at the point; the second runs through; the first comes again."""

    def kill() -> None:
        raise KilledError

    acts = sides.acts(meeting)
    with pytest.raises(KilledError):
        acts[first](At(point, kill))
    acts[second](None)
    acts[first](None)


def loses_connection(sides: Sides, meeting: Meeting, first: str, second: str, point: str) -> None:
    """The first loses its connection at the point, the second runs through, the first goes on."""
    acts = sides.acts(meeting)

    def lose() -> None:
        sides.end_connections()
        acts[second](None)

    switch = At(point, lose)
    acts[first](switch)
    assert switch.is_passed


# By a repair: it writes no row then.
NOT_PASSED = {("rows_written", "restore"), ("rows_written", "keep")}
FATES = {"goes on": goes_on, "is killed": is_killed, "loses its connection": loses_connection}


@pytest.mark.parametrize("fate", FATES)
@pytest.mark.parametrize("first", POINTS)
def test_all_stores_say_the_same_however_they_meet(sides: Sides, first: str, fate: str) -> None:
    (second,) = set(POINTS) - {first}
    meetings: dict[int, tuple[str, str, str]] = {}
    cases = [
        case
        for case in itertools.product(POINTS[first], KINDS)
        if first == "stream" or case not in NOT_PASSED
    ]
    for number, (point, kind) in enumerate(cases):
        meeting = KINDS[kind](HOUR + number * HOUR_MS)
        meetings[meeting.open_ms] = (point, kind, meeting.wins)
        sides.begin(meeting)
        FATES[fate](sides, meeting, first, second, point)

    context = sides.context
    rows = in_postgres(context)
    newest = {key[:2]: candle for key, candle in sorted(rows.items())}
    won = {open_ms: candle.source for (_, open_ms), candle in newest.items()}
    assert won == {open_ms: wins for open_ms, (_, _, wins) in meetings.items()}
    last = {(c.symbol, c.open_time_ms): c for c in from_topic(context.kafka, context.namespace)}
    assert differences(last, newest, meetings) == {}
    files = from_parquet(context.hdfs, context.namespace)
    held = {(c.symbol, c.open_time_ms, c.revision): c for c in files}
    assert differences(held, rows, meetings) == {}


def differences(
    held: Mapping[Any, Candle], right: Mapping[Any, Candle], meetings: Mapping[int, object]
) -> dict[object, tuple[Candle | None, Candle | None]]:
    """Return what a store holds and what would be right, where they differ."""
    return {
        (key, meetings[key[1]]): (held.get(key), right.get(key))
        for key in sorted({*held, *right})
        if held.get(key) != right.get(key)
    }
