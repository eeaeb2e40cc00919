"""A fault counts as seen only by growth of its own sign, once for each fault."""

from __future__ import annotations

from collections import Counter, defaultdict

import orjson
import pytest

from conf.contracts.incidents import Incident, IncidentKind, encode_incident
from conf.names import Namespace
from tests.chaos.producers.afterwards import (
    BookFaults,
    Tallies,
    Tally,
    judge_book,
    judge_missed_klines,
    kind_results,
)
from tests.chaos.producers.compare import differences
from tests.chaos.producers.fleet import Samples
from tests.chaos.producers.kinds import KINDS, Where
from tests.chaos.producers.plan import Fault
from tests.chaos.producers.report import SymbolResult
from tests.chaos.producers.watch import NO_TRACE_S, Log, Watch
from tests.chaos.producers.world import most_in_window

pytestmark = pytest.mark.unit

NAMES = Namespace("n")


class Member:
    """A producer with counters that a test sets."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.samples: Samples = {}

    def read(self) -> Samples:
        return self.samples

    def count(self, name: str, symbol: str, value: float) -> None:
        self.samples[name, (("symbol", symbol),)] = value


class Fleet:
    """Producers of which a test says how they ended."""

    def __init__(self) -> None:
        self.member = Member(1)
        self.exits: Counter[int] = Counter()

    def running(self) -> Member:
        return self.member


class World:
    """A watch on a fleet, a log and an exchange's counts."""

    def __init__(self) -> None:
        self.fleet = Fleet()
        self.log = Log(NAMES)
        self.injected: Counter[str] = Counter()
        self.watch = Watch(self.fleet, self.log, lambda: Counter(self.injected))  # type: ignore[arg-type] # what it uses of a fleet

    def incident(self, kind: IncidentKind, symbol: str | None = None) -> None:
        incident = Incident(kind, "1/1", 1, symbol=symbol)
        self.log.take(NAMES.incidents_topic, encode_incident(incident))

    def dead(self, reason: str) -> None:
        self.log.take(NAMES.dead_topic, orjson.dumps({"reason": reason}))


def test_a_counter_of_another_symbol_shows_nothing() -> None:
    world = World()
    faults = (Fault("duplicate", "AUSDT"),)
    world.fleet.member.count("duplicates_total", "AUSDT", 3)
    before = world.watch.baseline(faults)
    world.fleet.member.count("duplicates_total", "BUSDT", 1)
    assert world.watch.seen(faults, [1], before) == [None]
    world.fleet.member.count("duplicates_total", "AUSDT", 4)
    assert [str(sign) for sign in world.watch.seen(faults, [1], before)] == [
        "counter duplicates_total"
    ]


def test_counters_of_a_new_process_count_from_zero() -> None:
    world = World()
    faults = (Fault("duplicate", "AUSDT"),)
    world.fleet.member.count("duplicates_total", "AUSDT", 3)
    before = world.watch.baseline(faults)
    world.fleet.member = Member(2)
    assert world.watch.seen(faults, [1], before) == [None]
    world.fleet.member.count("duplicates_total", "AUSDT", 1)
    assert world.watch.seen(faults, [1], before) != [None]


def test_what_strikes_two_connections_must_show_twice() -> None:
    world = World()
    faults = (Fault("cut"),)
    before = world.watch.baseline(faults)
    world.incident(IncidentKind.STREAM_LOST)
    assert world.watch.seen(faults, [2], before) == [None]
    world.incident(IncidentKind.STREAM_LOST)
    assert world.watch.seen(faults, [2], before) != [None]


def test_a_weak_sign_counts_only_at_the_end() -> None:
    world = World()
    faults = (Fault("cut"),)
    before = world.watch.baseline(faults)
    world.incident(IncidentKind.HANDOVER)
    assert world.watch.seen(faults, [1], before) == [None]
    assert world.watch.seen(faults, [1], before, is_last=True) != [None]


def test_incidents_and_dead_letters_before_the_wave_show_nothing() -> None:
    world = World()
    faults = (Fault("drop", "AUSDT"), Fault("malformed", "BUSDT"))
    world.incident(IncidentKind.GAP_FILLED, "AUSDT")
    world.dead("malformed: no JSON")
    before = world.watch.baseline(faults)
    assert world.watch.seen(faults, [1, 1], before) == [None, None]
    world.dead("malformed: no JSON")
    world.incident(IncidentKind.GAP_FILLED, "AUSDT")
    assert None not in world.watch.seen(faults, [1, 1], before)


def test_exit_codes_are_counted() -> None:
    world = World()
    faults = (Fault("second"),)
    world.fleet.exits[3] = 1
    before = world.watch.baseline(faults)
    assert world.watch.seen(faults, [1], before) == [None]
    world.fleet.exits[3] = 2
    assert world.watch.seen(faults, [1], before) != [None]


def test_a_harmless_fault_must_happen_and_must_not_be_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [100.0]
    monkeypatch.setattr("tests.chaos.producers.watch.time.monotonic", lambda: now[0])
    for refused, is_shown in ((1, True), (2, False)):
        world = World()
        faults = (Fault("new_field", "AUSDT"), Fault("bad_price", "BUSDT"))
        before = world.watch.baseline(faults)
        now[0] += NO_TRACE_S
        assert world.watch.seen(faults, [1, 1], before)[0] is None, "it has not happened"
        world.injected["new_field"] += 1
        for _ in range(refused):
            world.dead("bad_price: x")
        assert world.watch.seen(faults, [1, 1], before)[0] is None, "too early to tell"
        now[0] += NO_TRACE_S
        assert (world.watch.seen(faults, [1, 1], before)[0] is not None) == is_shown


def series(**changes: int) -> SymbolResult:
    return differences("AUSDT", [], [], 1).model_copy(update=changes)


def test_the_books_peculiarities_must_be_in_the_topics() -> None:
    book = BookFaults({"AUSDT": 3}, {"AUSDT": 1}, {"AUSDT": 1})
    told = {"halted": 1, "never_existed": 1}
    whole = series(gap_ids=3, quiet_hours=1)
    tallies: Tallies = defaultdict(Tally)
    assert judge_book(tallies, book, [whole], lambda kind, _: told[kind]) == []
    rows, _ = kind_results(tallies, {})
    assert {row.kind: (row.injected, row.unseen) for row in rows} == {
        "absent_ids": (1, 0),
        "quiet_hour": (1, 0),
        "halted_hour": (1, 0),
    }
    none = judge_book(defaultdict(Tally), book, [series()], lambda _kind, _symbol: 0)
    assert len(none) == 3


def test_missed_klines_are_hours_closed_by_rest() -> None:
    tallies: Tallies = defaultdict(Tally)
    tallies["drop_kline"].injected = 2
    rows = [series(hours_closed_by_rest=1)]
    assert judge_missed_klines(tallies, {"AUSDT": 2}, rows) == ["not seen: 1 of 2 drop_kline AUSDT"]
    assert kind_results(tallies, {"drop_kline": 2})[0][0].unseen == 1


def test_a_fault_that_the_exchange_did_not_do_is_a_problem() -> None:
    tallies: Tallies = defaultdict(Tally)
    tallies["cut"].injected = 2
    assert kind_results(tallies, {"cut": 2})[1] == []
    assert kind_results(tallies, {"cut": 1})[1] == ["cut: 2 asked for, the exchange counts 1"]


def test_every_kind_has_a_sign_and_a_counter_says_for_whom() -> None:
    for kind in KINDS.values():
        assert kind.signs, kind.name
        assert not all(sign.is_weak for sign in kind.signs), kind.name
        assert all(sign.name.isdecimal() for sign in kind.signs if sign.where is Where.EXIT)


@pytest.mark.parametrize(
    ("counts", "most"),
    [
        ([], 0),
        ([(0.0, 4)], 4),
        ([(0.0, 1), (100.0, 5), (299.0, 9), (400.0, 10)], 9),
        ([(0.0, 50), (301.0, 60), (600.0, 115)], 55 + 10),
    ],
)
def test_most_attempts_in_any_window(counts: list[tuple[float, int]], most: int) -> None:
    assert most_in_window(counts, 300.0) == most
