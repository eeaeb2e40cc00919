"""Which revision a candle gets, and which provisional candles are due."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contracts.candles import Candle
from conf.contracts.trades import TradeRecord
from conf.names import HOUR_MS
from streaming.candles.provisional import ProvisionalCandles
from streaming.candles.revisions import Allotment, Current, allot, key_of
from streaming.candles.verdict import Hour, judge, read_hour
from tests.support.candle_records import HOUR, closing, gap, trade
from tests.support.candle_rows import row
from tests.support.candles import a_candle

pytestmark = pytest.mark.unit

CANDLE = a_candle(revision=0, close=Decimal("1.5"))


EVIDENCE = {key_of(CANDLE): read_hour(row([]))}


def known(is_final: bool = True, **changes: object) -> dict[tuple[str, int], Current]:
    candle = replace(CANDLE, **{"revision": 1, **changes})  # type: ignore[arg-type] # by name
    return {key_of(candle): Current(candle, is_final)}


def test_new_hour_and_provisional_hour_get_revision_one() -> None:
    assert allot([CANDLE], {}, {}).to_store == [replace(CANDLE, revision=1)]
    provisional = known(is_final=False, trades=1)
    assert allot([CANDLE], provisional, {}).to_store == [replace(CANDLE, revision=1)]


def test_equal_content_gets_none_however_the_decimals_are_written() -> None:
    allotment = allot([CANDLE], known(revision=4, close=Decimal("1.50000000")), {})
    assert allotment.to_store == []
    assert [candle.revision for candle in allotment.unchanged] == [4]


def test_changed_content_and_history_get_the_next() -> None:
    changed = allot([CANDLE], known(revision=2, close=Decimal("1.6")), EVIDENCE)
    assert [candle.revision for candle in changed.to_store] == [3]
    history = allot([CANDLE], known(source="rest-klines"), EVIDENCE)
    assert [candle.revision for candle in history.to_store] == [2]


def test_repair_is_never_overridden() -> None:
    allotment = allot([CANDLE], known(source="repair", close=Decimal(9)), EVIDENCE)
    assert (allotment.to_store, allotment.repaired) == ([], [CANDLE])


def stored(records: list[TradeRecord], **changes: object) -> Candle:
    return replace(judge(hour_of(records, **changes)), revision=3)


def hour_of(records: list[TradeRecord], **changes: object) -> Hour:
    """Return the hour that these records make, in whatever order."""
    trades = [one for one in records if one.kind == "TRADE"]
    gaps = [one.gap.last_id - one.gap.first_id + 1 for one in records if one.gap]
    fields = {"gap_ids": sum(gaps) or None} | changes
    return read_hour(row(trades, [one for one in records if one.kind == "CLOSE"], **fields))


def allotted(hour: Hour, current: Candle) -> Allotment:
    key = key_of(hour.candle)
    return allot([judge(hour)], {key: Current(current, is_final=True)}, {key: hour})


@st.composite
def series(draw: st.DrawFn) -> list[TradeRecord]:
    """An hour as it lies in the topic, in one of the ways in which an hour is final."""
    count = draw(st.integers(0, 8))
    prices = draw(st.lists(st.sampled_from(["1", "1.5", "2"]), min_size=count, max_size=count))
    trades = [trade(5 + index, price) for index, price in enumerate(prices)]
    witness = draw(st.sampled_from(["STREAM", "REST", "END"]))
    begins = draw(st.booleans()) and count > 0
    close = closing(trades, witness=witness, begins_at_id=5 if begins else None)
    again = [closing(trades, witness="REST")] if draw(st.booleans()) else []
    return [*trades, close, *again]


@given(series(), st.data())
def test_an_hour_cut_by_retention_never_changes_a_final_candle(
    records: list[TradeRecord], data: st.DataObject
) -> None:
    rest = records[data.draw(st.integers(0, len(records) - 1)) :]
    whole = stored(records)
    allotment = allotted(hour_of(rest), whole)
    assert allotment.to_store == []
    assert len(allotment.truncated) + len(allotment.unchanged) == 1


TRADES = [trade(10, "1"), trade(11, "3"), trade(12, "2")]
WHOLE = [*TRADES, closing(TRADES)]


def test_a_cut_hour_is_told_apart() -> None:
    ended = [*WHOLE[2:3], closing(TRADES, witness="END")]
    for cut, verdict in ((WHOLE[1:], "disputed"), (WHOLE[3:], "disputed"), (ended, "partial")):
        allotment = allotted(hour_of(cut), stored(WHOLE))
        assert [one.verdict for one in allotment.truncated] == [verdict]
    assert allotted(hour_of(WHOLE), stored(WHOLE)).truncated == []


@pytest.mark.parametrize(
    "records",
    [
        pytest.param([*WHOLE, trade(13, "2")], id="a trade after the CLOSE"),
        pytest.param([*WHOLE[1:], trade(13, "2")], id="one in a cut hour"),
        pytest.param([*WHOLE[1:], WHOLE[2]], id="a trade twice in a cut hour"),
        pytest.param([*WHOLE[2:], *WHOLE[2:3]], id="a trade twice, fewer than there were"),
        pytest.param([*WHOLE[:1], *WHOLE[2:]], id="a trade missing in the middle"),
        pytest.param([*WHOLE[1:], gap(11, 12)], id="a gap that was not known"),
        pytest.param([*TRADES[1:], closing(TRADES, volume="9")], id="another witness"),
        pytest.param([*TRADES[1:], closing(TRADES, begins_at_id=11)], id="a later begin"),
        pytest.param([*TRADES[1:2], trade(12, "2.5"), WHOLE[3]], id="another last price"),
        pytest.param([trade(11, "0.5"), *WHOLE[2:]], id="a lower price"),
        pytest.param([trade(11, "3.5"), *WHOLE[2:]], id="a higher price"),
        pytest.param([trade(11, "3", "9"), *WHOLE[2:]], id="more volume"),
        pytest.param([trade(9, "2"), *WHOLE[2:]], id="an earlier id"),
        pytest.param([replace(TRADES[1], time_fell=True), *WHOLE[2:]], id="a time that fell"),
    ],
)
def test_anything_new_is_a_revision(records: list[TradeRecord]) -> None:
    allotment = allotted(hour_of(records), stored(WHOLE))
    assert [candle.revision for candle in allotment.to_store] == [4]


def test_two_witnesses_that_differ_are_a_revision_of_a_cut_hour_too() -> None:
    hour = hour_of(WHOLE[1:], w_digest_high=8)
    assert [candle.revision for candle in allotted(hour, stored(WHOLE)).to_store] == [4]


def test_a_disputed_hour_is_not_disputed_anew_by_fewer_records() -> None:
    disputed = [TRADES[0], gap(11, 11), TRADES[2], closing(TRADES)]
    assert stored(disputed).verdict == "disputed"
    assert len(allotted(hour_of(disputed[2:]), stored(disputed)).truncated) == 1
    healed = allotted(hour_of(WHOLE), stored(disputed)).to_store
    assert [candle.verdict for candle in healed] == ["complete"]


def test_the_series_that_went_on_after_its_end_replaces_the_partial_hour() -> None:
    ended = [closing([], witness="END")]
    went_on = allotted(hour_of([*ended, closing([], quiet_at="2")]), stored(ended))
    assert [candle.verdict for candle in went_on.to_store] == ["quiet"]


def test_provisional_at_most_once_a_second_and_never_lost() -> None:
    held = ProvisionalCandles(period_s=1.0)
    held.update([CANDLE], [])
    assert held.due(100.0) == [CANDLE]
    newer, newest = replace(CANDLE, trades=4), replace(CANDLE, trades=5)
    held.update([newer], [])
    assert held.due(100.5) == []
    held.update([newest], [])
    assert held.due(101.0) == [newest]
    assert held.due(103.0) == []


def test_closed_hours_are_forgotten_and_symbols_are_apart() -> None:
    held = ProvisionalCandles(period_s=1.0)
    other = replace(CANDLE, symbol="ETHUSDT")
    later = replace(CANDLE, open_time_ms=HOUR + HOUR_MS)
    held.update([CANDLE, other], [])
    held.update([later], [key_of(CANDLE)])
    assert held.due(5.0) == [other, later]
