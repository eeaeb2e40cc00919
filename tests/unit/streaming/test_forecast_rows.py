import math
from dataclasses import replace
from decimal import Decimal

import orjson
import pytest

from conf.contracts.forecasts import ADDED, decode_forecast, encode_forecast
from conf.names import HOUR_MS
from streaming.forecasts.ledger_rows import NO_TICK, Answer, Scores, SymbolInput, build_rows
from streaming.forecasts.pending import LATE, Hour
from streaming.forecasts.stores import from_record, to_record

pytestmark = pytest.mark.unit

HOUR_OPEN = 490_000 * HOUR_MS
SYMBOLS = ("BTCUSDT", "ETHUSDT", "POLUSDT")
ISSUED = HOUR_OPEN + HOUR_MS + 2_345
LEVELS = {0.05: 98.004, 0.25: 99.0, 0.5: 100.0, 0.75: 101.0, 0.95: 102.0}


def an_hour(**changes):
    hour = Hour(
        as_of_open_time_ms=HOUR_OPEN,
        valid=("BTCUSDT", "POLUSDT"),
        refusals={"ETHUSDT": "disputed: count"},
        verdicts={"BTCUSDT": "complete", "ETHUSDT": "disputed", "POLUSDT": "quiet"},
        mask="101",
        is_late=False,
    )
    return replace(hour, **changes)


def known(unusable=None, tick="0.01"):
    return SymbolInput(Decimal("100.00"), Decimal(tick) if tick else None, "abc", unusable)


INPUTS = {symbol: known() for symbol in SYMBOLS}
ANSWER = Answer(LEVELS, 0.01, (-1.5, -0.5, 0.1, 0.5, 1.5), (-1.6, -0.5, 0.0, 0.5, 1.6), (0.1, 0.5))
ALL_SCORED = Scores(dict.fromkeys(SYMBOLS, ANSWER))


def rows_of(hour=None, inputs=INPUTS, scores=ALL_SCORED, issued_at_ms=ISSUED):
    rows = build_rows(
        hour or an_hour(),
        SYMBOLS,
        inputs,
        scores,
        mask="101",
        model_version="v1",
        issued_at_ms=issued_at_ms,
    )
    assert tuple(row.symbol for row in rows) == SYMBOLS
    assert all((row.q50 is None) == (row.refusal_reason is not None) for row in rows)
    return {row.symbol: row for row in rows}


def test_one_row_per_symbol_scored_or_refused():
    rows = rows_of()

    btc = rows["BTCUSDT"]
    assert (btc.q05, btc.q95) == (Decimal("98.00"), Decimal("102"))
    assert btc.last_close == Decimal("100.00")
    assert btc.target_open_time_ms == HOUR_OPEN + HOUR_MS
    assert btc.as_of_open_time_ms == HOUR_OPEN
    assert (btc.issued_at_ms, btc.mask, btc.kind) == (ISSUED, "101", "live")
    assert rows["ETHUSDT"].refusal_reason == "disputed: count"
    assert rows["ETHUSDT"].input_verdict == "disputed"
    assert rows["POLUSDT"].refusal_reason is None


def test_scores_of_a_refused_symbol_are_not_used():
    assert rows_of()["ETHUSDT"].q50 is None


def test_short_history_is_a_refusal():
    rows = rows_of(inputs={**INPUTS, "POLUSDT": known(unusable="short history")})

    assert rows["POLUSDT"].refusal_reason == "features: short history"


def test_unknown_tick_is_a_refusal():
    assert (
        rows_of(inputs={**INPUTS, "POLUSDT": known(tick=None)})["POLUSDT"].refusal_reason == NO_TICK
    )


def test_symbol_without_any_input_is_refused():
    rows = rows_of(inputs={"BTCUSDT": known()})

    assert rows["POLUSDT"].refusal_reason == NO_TICK
    assert rows["POLUSDT"].last_close is None


def test_nan_of_one_coin_refuses_that_coin_alone():
    broken = {**LEVELS, 0.5: math.nan}

    rows = rows_of(scores=Scores({"BTCUSDT": Answer(broken), "POLUSDT": Answer(LEVELS)}))

    assert rows["BTCUSDT"].refusal_reason.startswith("model failed: price nan")
    assert rows["POLUSDT"].q50 == Decimal("100")


def test_failed_model_refuses_all_that_could_have_been_scored():
    rows = rows_of(scores=Scores({}, "TimeoutError: no answer within 10 s"))

    assert rows["BTCUSDT"].refusal_reason == "model failed: TimeoutError: no answer within 10 s"
    assert rows["ETHUSDT"].refusal_reason == "disputed: count"


def test_coin_that_the_model_left_out_is_refused():
    rows = rows_of(scores=Scores({"BTCUSDT": ANSWER}))

    assert rows["POLUSDT"].refusal_reason == "model failed: no answer for this symbol"


def test_hour_that_became_late_while_it_was_scored_is_refused_whole():
    rows = rows_of(issued_at_ms=HOUR_OPEN + 2 * HOUR_MS)

    assert {row.refusal_reason for row in rows.values()} == {LATE}


def test_record_of_a_row_and_back():
    for row in rows_of().values():
        assert from_record(to_record(row)) == row


def test_revision_of_the_input_is_kept_on_record():
    rows = rows_of(inputs=INPUTS | {"BTCUSDT": replace(known(), input_revision=2)})

    assert rows["BTCUSDT"].input_revision == 2
    assert rows["ETHUSDT"].input_revision is None
    assert from_record(to_record(rows["BTCUSDT"])) == rows["BTCUSDT"]


def test_what_the_bands_were_made_of_is_kept_on_record():
    row = rows_of(scores=Scores(dict.fromkeys(SYMBOLS, replace(ANSWER, is_guarded=True))))
    assert row["BTCUSDT"].raw_z == ANSWER.raw_z
    assert row["BTCUSDT"].alphas == ANSWER.alphas
    assert row["BTCUSDT"].is_guarded
    assert row["ETHUSDT"].raw_z is None
    assert from_record(to_record(row["BTCUSDT"])) == row["BTCUSDT"]
    assert isinstance(to_record(row["BTCUSDT"])["raw_z"], list)


@pytest.mark.parametrize("name", ADDED)
def test_what_was_written_before_there_was_a_field_can_be_read(name):
    row = replace(rows_of()["BTCUSDT"], **{name: ADDED[name]})
    older = {k: v for k, v in to_record(row).items() if k != name}
    assert from_record(older) == row
    message = orjson.loads(encode_forecast(row))
    assert decode_forecast(orjson.dumps(message)) == row
    del message[name]
    assert decode_forecast(orjson.dumps(message)) == row
