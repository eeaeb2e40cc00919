import pytest

from conf.names import HOUR_MS
from streaming.forecasts.pending import (
    LATE,
    MISSING,
    NO_CLOSE,
    NOT_LISTED,
    FinalCandle,
    Rules,
    decide,
    is_late,
)

pytestmark = pytest.mark.unit

HOUR = 490_000 * HOUR_MS
CLOSED = HOUR + HOUR_MS
WALL = 1_790_000_000_000
SYMBOLS = ("BTCUSDT", "ETHUSDT", "POLUSDT")
TRADING = dict.fromkeys(SYMBOLS, "TRADING")
RULES = Rules(SYMBOLS, grace_ms=8_000)


def final(symbol, open_time_ms=HOUR, verdict="complete", reason=None, arrived_ms=WALL, close=True):
    return FinalCandle(symbol, open_time_ms, verdict, reason, close, arrived_ms)


def at(candles, statuses=TRADING, *, now_ms=CLOSED + 1_000, wall_ms=WALL + 100, rules=RULES):
    return decide(candles, statuses, rules, exchange_now_ms=now_ms, wall_now_ms=wall_ms)


def test_hour_with_all_symbols_final_is_scored_at_once():
    decision = at([final(s) for s in SYMBOLS])

    (hour,) = decision.hours
    assert hour.target_open_time_ms == CLOSED
    assert hour.valid == SYMBOLS
    assert hour.refusals == {}
    assert hour.mask == "111"
    assert not decision.is_waiting


def test_no_final_candle_no_run():
    assert at([]).hours == ()
    assert not at([]).is_waiting


def test_hour_with_a_symbol_missing_waits_until_the_grace_is_over():
    candles = [final("BTCUSDT", arrived_ms=WALL), final("ETHUSDT", arrived_ms=WALL + 700)]

    before = at(candles, wall_ms=WALL + 7_999)
    after = at(candles, wall_ms=WALL + 8_000)

    assert before.hours == ()
    assert before.is_waiting
    assert after.hours[0].valid == ("BTCUSDT", "ETHUSDT")
    assert after.hours[0].refusals == {"POLUSDT": MISSING}
    assert after.hours[0].mask == "110"


@pytest.mark.parametrize("verdict", ["disputed", "partial"])
def test_bad_input_is_refused_with_its_reason_and_the_rest_is_scored(verdict):
    candles = [
        final("BTCUSDT"),
        final("ETHUSDT", verdict=verdict, reason="count"),
        final("POLUSDT"),
    ]

    (hour,) = at(candles).hours

    assert hour.refusals == {"ETHUSDT": f"{verdict}: count"}
    assert hour.valid == ("BTCUSDT", "POLUSDT")
    assert hour.mask == "101"
    assert hour.verdicts["ETHUSDT"] == verdict


@pytest.mark.parametrize("verdict", ["complete", "quiet", "history"])
def test_good_verdicts_are_valid_input(verdict):
    assert at([final(s, verdict=verdict) for s in SYMBOLS]).hours[0].valid == SYMBOLS


def test_input_without_a_price_is_refused():
    candles = [final("BTCUSDT"), final("ETHUSDT"), final("POLUSDT", verdict="quiet", close=False)]

    assert at(candles).hours[0].refusals == {"POLUSDT": NO_CLOSE}


def test_halted_symbol_is_not_waited_for():
    statuses = {**TRADING, "POLUSDT": "BREAK"}

    (hour,) = at([final("BTCUSDT"), final("ETHUSDT")], statuses).hours

    assert hour.refusals == {"POLUSDT": "halted: status BREAK"}


def test_halted_symbol_with_a_final_candle_is_scored():
    statuses = {**TRADING, "POLUSDT": "HALT"}

    assert at([final(s) for s in SYMBOLS], statuses).hours[0].valid == SYMBOLS


def test_symbol_that_is_not_listed_is_not_waited_for():
    statuses = {"BTCUSDT": "TRADING", "ETHUSDT": "TRADING"}

    (hour,) = at([final("BTCUSDT"), final("ETHUSDT")], statuses).hours

    assert hour.refusals == {"POLUSDT": NOT_LISTED}


def test_candles_of_symbols_outside_the_run_do_not_count():
    (hour,) = at([final(s) for s in (*SYMBOLS, "LTCUSDT")]).hours

    assert "LTCUSDT" not in hour.valid
    assert "LTCUSDT" not in hour.verdicts


def test_run_is_live_until_the_target_hour_ends():
    candles = [final(s) for s in SYMBOLS]

    last_moment = at(candles, now_ms=CLOSED + HOUR_MS - 1).hours[0]
    too_late = at(candles, now_ms=CLOSED + HOUR_MS).hours[0]

    assert not last_moment.is_late
    assert too_late.is_late
    assert too_late.valid == ()
    assert too_late.refusals == dict.fromkeys(SYMBOLS, LATE)
    assert is_late(HOUR, CLOSED + HOUR_MS)
    assert not is_late(HOUR, CLOSED + HOUR_MS - 1)


def test_late_hour_with_missing_symbols_does_not_wait_and_comes_first():
    later = [final(s, HOUR + HOUR_MS) for s in SYMBOLS]

    decision = at([*later, final("BTCUSDT")], now_ms=CLOSED + HOUR_MS + 5, wall_ms=WALL)

    late, live = decision.hours
    assert late.is_late
    assert late.as_of_open_time_ms == HOUR
    assert live.valid == SYMBOLS


def test_nothing_overtakes_a_waiting_hour():
    later = [final(s, HOUR + HOUR_MS) for s in SYMBOLS]

    decision = at([*later, final("BTCUSDT")], now_ms=CLOSED + HOUR_MS - 5, wall_ms=WALL)

    assert decision.hours == ()
    assert decision.is_waiting


def test_grace_is_exchange_time_with_a_floor_in_wall_time():
    assert Rules.of(SYMBOLS, 30.0, 8.0, speed=1.0).grace_ms == 30_000
    assert Rules.of(SYMBOLS, 30.0, 8.0, speed=180.0).grace_ms == 8_000
    assert Rules.of(SYMBOLS, 30.0, 8.0, speed=2.0).grace_ms == 15_000
