from dataclasses import replace

import pytest

from streaming.candles.revisions import Current
from streaming.candles.verdict import judge, read_hour
from streaming.repair.decide import Decision, Step, decide
from tests.support.candle_rows import TRADES, row

pytestmark = pytest.mark.unit

STREAM = replace(judge(read_hour(row(TRADES))), revision=3)
REBUILT = replace(STREAM, revision=0, source="repair", witness="REST")
DISPUTED = replace(STREAM, verdict="disputed", reason="gap of 1 ids", trades=2)


def final(candle):
    return Current(candle, is_final=True)


def test_an_hour_without_a_final_row_gets_the_first_revision():
    assert decide(None, REBUILT, 0) == Decision(Step.STORE, 1)
    assert decide(Current(replace(STREAM, revision=1), is_final=False), REBUILT, 0) == Decision(
        Step.STORE, 1
    )


def test_who_made_it_is_nothing_new():
    assert decide(final(STREAM), REBUILT, 0) == Decision(Step.RESTORE, 3)


@pytest.mark.parametrize("change", [{"trades": 4}, {"verdict": "disputed"}, {"reason": "other"}])
def test_other_figures_verdict_or_reason_are_the_next_revision(change):
    assert decide(final(STREAM), replace(REBUILT, **change), 0) == Decision(Step.STORE, 4)
    assert decide(final(replace(STREAM, source="repair")), replace(REBUILT, **change), 0) == (
        Decision(Step.STORE, 4)
    )


@pytest.mark.parametrize("verdict", ["complete", "quiet"])
def test_an_hour_that_lacks_ids_replaces_none_that_was_confirmed(verdict):
    poor = replace(REBUILT, verdict="disputed", reason="gap of 2 ids", trades=9)
    assert decide(final(replace(STREAM, verdict=verdict)), poor, 2) == Decision(Step.KEEP, 3)


def test_among_hours_that_lack_ids_the_one_with_more_trades_stays():
    fewer = replace(REBUILT, verdict="disputed", reason="gap of 2 ids", trades=1)
    assert decide(final(DISPUTED), fewer, 2) == Decision(Step.KEEP, 3)
    assert decide(final(DISPUTED), replace(fewer, trades=3), 2) == Decision(Step.STORE, 4)


def test_loaded_history_gives_way_to_a_whole_rebuilt_hour_only():
    history = replace(STREAM, source="rest-klines", first_trade_id=None)
    assert decide(final(history), REBUILT, 0) == Decision(Step.STORE, 4)
    assert decide(final(history), replace(REBUILT, trades=1), 2) == Decision(Step.KEEP, 3)
