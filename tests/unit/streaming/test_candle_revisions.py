"""Which revision a candle gets, and which provisional candles are due."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from conf.contracts.candles import Candle
from conf.names import HOUR_MS
from streaming.candles.provisional import ProvisionalCandles
from streaming.candles.revisions import Current, allot, key_of
from tests.support.candle_records import HOUR

pytestmark = pytest.mark.unit

CANDLE = Candle(
    symbol="BTCUSDT",
    open_time_ms=HOUR,
    revision=0,
    open=Decimal(1),
    high=Decimal(2),
    low=Decimal(1),
    close=Decimal("1.5"),
    volume=Decimal(10),
    quote_volume=Decimal(15),
    taker_buy_volume=Decimal(1),
    taker_buy_quote_volume=Decimal(2),
    trades=3,
    first_trade_id=1,
    last_trade_id=3,
    verdict="complete",
    reason=None,
    witness="STREAM",
)


def known(is_final: bool = True, **changes: object) -> dict[tuple[str, int], Current]:
    candle = replace(CANDLE, **{"revision": 1, **changes})  # type: ignore[arg-type] # by name
    return {key_of(candle): Current(candle, is_final)}


def test_new_hour_and_provisional_hour_get_revision_one() -> None:
    assert allot([CANDLE], {}).to_store == [replace(CANDLE, revision=1)]
    provisional = known(is_final=False, trades=1)
    assert allot([CANDLE], provisional).to_store == [replace(CANDLE, revision=1)]


def test_equal_content_gets_none_however_the_decimals_are_written() -> None:
    allotment = allot([CANDLE], known(revision=4, close=Decimal("1.50000000")))
    assert allotment.to_store == []
    assert [candle.revision for candle in allotment.unchanged] == [4]


def test_changed_content_and_history_get_the_next() -> None:
    changed = allot([CANDLE], known(revision=2, close=Decimal("1.6")))
    assert [candle.revision for candle in changed.to_store] == [3]
    history = allot([CANDLE], known(source="rest-klines"))
    assert [candle.revision for candle in history.to_store] == [2]


def test_repair_is_never_overridden() -> None:
    allotment = allot([CANDLE], known(source="repair", close=Decimal(9)))
    assert (allotment.to_store, allotment.repaired) == ([], [CANDLE])


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
