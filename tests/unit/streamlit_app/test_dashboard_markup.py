from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from conf.exchange_time import Sighting
from streamlit_app import coin_markup, markup, probe, quality_markup, system_markup
from streamlit_app.records import CoinNow, IncidentRow, JobRow, ModelRow, RunInfo, RunState
from streamlit_app.scoring import Score
from tests.support.dashboard_records import ETH, HOUR, NOON, candle, forecast, refusal, running

pytestmark = pytest.mark.unit

ZONE = ZoneInfo("UTC")
EVIL = "<script>alert(1)</script>"


def coin(**changes: Any) -> CoinNow:
    fields: dict[str, Any] = {
        "info": ETH,
        "newest": running(1, close=Decimal("101.50"), updated_at=NOON),
        "last_final": candle(0),
        "forecast": forecast(1),
        "strip": (candle(0),),
    }
    return CoinNow(**{**fields, **changes})


def shown(row: CoinNow) -> dict[str, str]:
    body = markup.coin_row(row, NOON + HOUR * 1.5, NOON + timedelta(seconds=3), NOON, ZONE)
    texts, _ = probe.read_fields([body])
    return {field: text for (symbol, field), text in texts.items() if symbol == "ETHUSDT"}


def state(**changes: Any) -> RunState:
    fields: dict[str, Any] = {
        "info": RunInfo("demo", "stand-in", "synthetic × 180", 180.0, NOON),
        "wall_now": NOON,
        "newest_open_time": NOON,
        "newest_update": NOON - timedelta(seconds=4),
        "sightings": (Sighting(NOON, NOON - timedelta(seconds=1)),),
    }
    return RunState(**{**fields, **changes})


def test_header_names_the_source_and_the_exchanges_time() -> None:
    texts, _ = probe.read_fields([markup.header(state(), ZONE)])
    assert texts[None, "source"] == "synthetic × 180"
    assert texts[None, "exchange-time"] == "Exchange time ≈ 2026-01-01 12:03 UTC"
    assert texts[None, "freshness"] == "data 4 s ago"


def test_header_does_not_guess_the_time_of_a_silent_run() -> None:
    body = markup.header(
        state(sightings=(), info=None, newest_update=None, newest_open_time=None), ZONE
    )
    assert "unknown source" in body
    assert "nothing new arrives" in body
    assert "no data yet" in body


def test_header_knows_at_least_the_hour_before_the_first_close() -> None:
    body = markup.header(state(sightings=()), ZONE)
    assert "in the hour from 2026-01-01 12:00 UTC" in body


def test_a_coin_shows_price_close_forecast_and_band() -> None:
    assert shown(coin()) == {
        "price": "101.50",
        "close": "102.00",
        "running": "+1.50 %",
        "median": "100.05",
        "median-change": "+0.050 % from the last close",
        "band": "98.00 – 103.00",
    }


def test_a_coin_before_its_first_candle() -> None:
    empty = coin(newest=None, last_final=None, forecast=None, strip=())
    assert shown(empty) == {}


def test_a_refusal_is_told_with_its_reason() -> None:
    texts = shown(coin(forecast=refusal(1, EVIL)))
    assert texts["refusal"] == f"refused: {EVIL}"
    body = markup.coin_row(coin(forecast=refusal(1, EVIL)), None, NOON, NOON, ZONE)
    assert "<script>" not in body
    assert "median" not in texts


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (coin(forecast=forecast(0)), "that hour is over"),
        (coin(forecast=forecast(1, is_fallback=True)), "fallback, not the model"),
        (coin(), "in 30 min 00 s"),
    ],
)
def test_forecast_cell_says_what_a_viewer_must_know(row: CoinNow, words: str) -> None:
    assert words in markup.coin_row(row, NOON + HOUR * 1.5, NOON, NOON, ZONE)


def test_strip_has_a_square_per_hour_and_marks_what_is_missing() -> None:
    hours = [candle(-2, verdict="quiet"), candle(-1, revision=2), candle(0, verdict="disputed")]
    body = markup.strip(hours, NOON, ZONE)
    assert body.count("<i ") == 24
    assert body.count('class="hole"') == 21
    for kind in ("quiet", "complete revised", "disputed"):
        assert f'class="{kind}"' in body
    assert markup.strip(hours, None, ZONE) == ""


def test_an_hour_that_just_closed_elsewhere_is_awaited_and_not_yet_a_hole() -> None:
    body = markup.strip([candle(-2)], NOON, ZONE)
    assert body.count('class="waiting"') == 1
    assert body.count('class="hole"') == 22
    assert "not final yet" in body


def test_tooltips_escape_what_others_wrote() -> None:
    body = markup.strip([candle(0, verdict="disputed", reason=f'"{EVIL}')], NOON, ZONE)
    assert EVIL not in body
    assert "&quot;&lt;script&gt;" in body


def test_the_price_may_lie_outside_the_band() -> None:
    body = markup.forecast_range(forecast(), Decimal("110.00"))
    assert 'class="now" style="left:100.0%"' in body
    assert markup.forecast_range(refusal(), Decimal(1)) == ""
    flat = dict.fromkeys(("q05", "q25", "q50", "q75", "q95"), Decimal(1))
    assert "50%" in markup.forecast_range(forecast(**flat), Decimal(1))


def test_tables_escape_every_cell() -> None:
    assert EVIL not in markup.table(("Head",), [(EVIL,)])


def test_marked_hours_are_told_newest_first() -> None:
    rows = [
        candle(0),
        candle(2, verdict="disputed", reason="count"),
        candle(3, revision=2),
        running(4),
    ]
    assert [(hour - NOON) / HOUR for hour, _ in coin_markup.marked(rows)] == [3, 2, 1]
    notes = [note for _, note in coin_markup.marked(rows)]
    assert "revision 2" in notes[0]
    assert "count" in notes[1]
    assert "hole" in notes[2]
    assert "Every hour shown is complete" in coin_markup.marked_hours([candle(0)], ZONE)


def test_coin_head_shows_close_and_median() -> None:
    body = coin_markup.head(ETH, [candle(0), running(1)], [forecast(1)], ZONE)
    texts, _ = probe.read_fields([body])
    assert texts[None, "close"] == "102.00"
    assert texts[None, "median"] == "100.05"
    assert "refused" in coin_markup.head(ETH, [candle(0)], [refusal(1)], ZONE)


def model(**changes: Any) -> ModelRow:
    fields: dict[str, Any] = {
        "version": "v1",
        "status": "bootstrap",
        "created_at": NOON,
        "trained_from": NOON - 2400 * HOUR,
        "trained_until": NOON,
        "train_rows": 18_000,
        "val_pinball": 0.19,
        "ewma_pinball": 0.20,
        "val_rmae": 0.995,
        "fit_seconds": 41.2,
        "hours_served": 4,
        "last_served": NOON,
    }
    return ModelRow(**{**fields, **changes})


def test_a_bootstrap_model_is_called_that_with_its_baseline() -> None:
    body = quality_markup.serving_model([model()])
    assert 'data-field="model-status">bootstrap<' in body
    assert "0.1900 against EWMA's 0.2000 (−5.00 %)" in body
    assert "has not passed the full evaluation" in body
    assert "being trained" in quality_markup.serving_model([])
    assert "Not serving yet" in quality_markup.serving_model([model(last_served=None)])


@pytest.mark.parametrize(
    ("hours", "t", "error", "sentence"),
    [
        (4, 9.0, 0.004, "Too few hours to judge: 4 of at least 168."),
        (200, 0.4, 0.00499, "No better than the last price"),
        (200, 3.0, 0.0049, "Better than the last price by 2.00 % of its error."),
        (200, -3.0, 0.0051, "Worse than the last price by 2.00 % of its error."),
    ],
)
def test_the_opinion_is_plain(hours: int, t: float, error: float, sentence: str) -> None:
    body = quality_markup.opinion(Score(hours * 9, hours, error, 0.005, 0.91, t))
    assert sentence in body


def test_system_tables_say_when_there_is_nothing() -> None:
    assert "No job" in system_markup.job_table([], NOON)
    assert "None so far" in system_markup.incident_table([], ZONE)
    assert "No symbol" in system_markup.freshness_table([], NOON, ZONE)
    assert "not introduced itself" in system_markup.run_line(state(info=None), ZONE)


def test_system_tables_escape_and_shorten() -> None:
    job = JobRow("candles", EVIL, {"text": "x" * 500}, NOON)
    body = system_markup.job_table([job], NOON)
    assert EVIL not in body
    assert len(system_markup.detail_text(job.detail)) == system_markup.DETAIL_CHARACTERS


def incident(kind: str, **changes: Any) -> IncidentRow:
    fields: dict[str, Any] = {
        "kind": kind,
        "producer": "1/1",
        "symbol": "ETHUSDT",
        "first_id": None,
        "last_id": None,
        "started_at": NOON,
        "duration_ms": None,
        "detail": None,
    }
    return IncidentRow(**{**fields, **changes})


def test_incidents_say_ids_and_length() -> None:
    some = incident("gap_filled", first_id=5, last_id=9, duration_ms=1250)
    one = incident("gap_filled", first_id=0, last_id=0)
    body = system_markup.incident_table([some, one], ZONE)
    assert ">5 – 9<" in body
    assert ">1.2 s<" in body
    assert ">0<" in body
    assert "gap filled" in body


def test_alarms_stand_out_in_colour_and_words() -> None:
    usual = system_markup.incident_table([incident("handover")], ZONE)
    alarm = system_markup.incident_table([incident("gap_declared")], ZONE)
    for mark in ("alarm: gap declared", 'class="alarm"', "nh-dot bad"):
        assert mark in alarm
        assert mark not in usual


def test_incidents_are_escaped_even_a_kind_that_is_not_known() -> None:
    body = system_markup.incident_table([incident(EVIL, detail=EVIL, symbol=EVIL)], ZONE)
    assert EVIL not in body
    assert body.count("&lt;script&gt;") == 3
