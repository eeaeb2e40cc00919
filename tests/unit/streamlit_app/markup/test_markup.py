from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from streaming.reports import QueryFigures
from streamlit_app import probe
from streamlit_app.indicators import Chosen
from streamlit_app.intervals import DAILY, HOURLY
from streamlit_app.markup import base as markup
from streamlit_app.markup import coin as coin_markup
from streamlit_app.markup import models as models_markup
from streamlit_app.markup import overview as overview_markup
from streamlit_app.markup import quality as quality_markup
from streamlit_app.markup import system as system_markup
from streamlit_app.overview_table import overview_table
from streamlit_app.records.forecasts import ModelEventRow, ServedRow
from streamlit_app.records.market import CoinNow
from streamlit_app.records.system import IncidentRow, JobRow
from tests.support.dashboard_records import (
    ETH,
    HOUR,
    NOON,
    candle,
    forecast,
    model,
    refusal,
    running,
    score,
)
from tests.support.dashboard_records import run_state as state

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
    body = overview_markup.coin_row(row, NOON + HOUR * 1.5, NOON + timedelta(seconds=3), NOON, ZONE)
    texts, _ = probe.read_fields([body])
    return {field: text for (symbol, field), text in texts.items() if symbol == "ETHUSDT"}


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
    body = overview_markup.coin_row(coin(forecast=refusal(1, EVIL)), None, NOON, NOON, ZONE)
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
    assert words in overview_markup.coin_row(row, NOON + HOUR * 1.5, NOON, NOON, ZONE)


def test_strip_has_a_square_per_hour_and_marks_what_is_missing() -> None:
    hours = [candle(-2, verdict="quiet"), candle(-1, revision=2), candle(0, verdict="disputed")]
    body = overview_markup.strip(hours, NOON, ZONE)
    assert body.count("<i ") == 24
    assert body.count('class="hole"') == 21
    for kind in ("quiet", "complete revised", "disputed"):
        assert f'class="{kind}"' in body
    assert overview_markup.strip(hours, None, ZONE) == ""


def test_an_hour_that_just_closed_elsewhere_is_awaited_and_not_yet_a_hole() -> None:
    body = overview_markup.strip([candle(-2)], NOON, ZONE)
    assert body.count('class="waiting"') == 1
    assert body.count('class="hole"') == 22
    assert "not final yet" in body


def test_tooltips_escape_what_others_wrote() -> None:
    body = overview_markup.strip([candle(0, verdict="disputed", reason=f'"{EVIL}')], NOON, ZONE)
    assert EVIL not in body
    assert "&quot;&lt;script&gt;" in body


def test_the_price_may_lie_outside_the_band() -> None:
    body = overview_markup.forecast_range(forecast(), Decimal("110.00"))
    assert 'class="now" style="left:100.0%"' in body
    assert overview_markup.forecast_range(refusal(), Decimal(1)) == ""
    flat = dict.fromkeys(("q05", "q25", "q50", "q75", "q95"), Decimal(1))
    assert "50%" in overview_markup.forecast_range(forecast(**flat), Decimal(1))


def test_tables_escape_every_cell() -> None:
    assert EVIL not in markup.table(("Head",), [(EVIL,)])


def test_odd_bars_are_told_with_their_number() -> None:
    found = [(NOON + n * HOUR, f"note {n}") for n in range(60, 0, -1)]
    body = coin_markup.odd_bars(found, HOURLY, ZONE)
    assert body.count("<tr") == 1 + coin_markup.MOST_ODD
    assert "the newest 50 of 60" in body
    assert "Every hour shown is complete" in coin_markup.odd_bars([], HOURLY, ZONE)
    assert "Every bar shown" in coin_markup.odd_bars([], DAILY, ZONE)
    assert EVIL not in coin_markup.odd_bars([(NOON, EVIL)], HOURLY, ZONE)


def test_coin_head_shows_price_close_and_median() -> None:
    body = coin_markup.head(ETH, running(1), candle(0), forecast(1), NOON + HOUR * 1.5, ZONE)
    texts, _ = probe.read_fields([body])
    assert texts[None, "price"] == "102.00"
    assert texts[None, "close"] == "102.00"
    assert texts[None, "median"] == "100.05"
    assert "in 30 min 00 s" in body
    over = coin_markup.head(ETH, candle(1), candle(1), forecast(1), NOON + HOUR * 2.5, ZONE)
    assert "an hour that is over" in over
    refused = coin_markup.head(ETH, running(1), None, refusal(1, EVIL), None, ZONE)
    assert "refused" in refused
    assert EVIL not in refused
    assert coin_markup.head(ETH, running(1), None, None, None, ZONE)


def test_legend_names_what_is_drawn_and_nothing_else() -> None:
    plain = coin_markup.legend(HOURLY, Chosen())
    assert "SMA" not in plain
    assert "tooltip" not in plain
    rich = coin_markup.legend(DAILY, Chosen(("SMA", "VWAP", "RSI"), 30))
    for words in ("SMA 30", ">VWAP<", "RSI 14", "partial bar", "in the tooltip"):
        assert words in rich


def test_overview_as_rows_of_a_file() -> None:
    found = overview_table([coin(), coin(newest=None, last_final=None, forecast=None)])
    assert list(found["symbol"]) == ["ETHUSDT", "ETHUSDT"]
    assert list(found["price"]) == [Decimal("101.50"), None]
    assert found["last_close_verdict"][0] == "complete"
    assert found["q95"][0] == Decimal("103.00")


def test_a_bootstrap_model_is_called_that_with_its_baseline() -> None:
    body = models_markup.serving_model([model()], NOON)
    assert 'data-field="model-status">bootstrap<' in body
    assert "0.1900 against EWMA's 0.2000 (−5.00 %)" in body
    assert "has not passed the full evaluation" in body
    assert "expires in 60 d" in body
    assert "being trained" in models_markup.serving_model([], NOON)
    assert "Not serving yet" in models_markup.serving_model([model(last_served=None)], NOON)
    assert "has expired" in models_markup.serving_model([model()], NOON + timedelta(days=61))


def test_models_events_and_service_are_tables() -> None:
    spans = [ServedRow("shadow", EVIL, NOON, NOON + HOUR, 2, 20, 1, 80.0)]
    events = [ModelEventRow(NOON, "rolled_back", EVIL, EVIL, {})]
    bodies = (
        models_markup.served_table(spans, ZONE),
        models_markup.event_table(events, ZONE),
        models_markup.model_table([model(version=EVIL, expires_at=None)], ZONE),
    )
    for body in bodies:
        assert EVIL not in body
        assert "&lt;script&gt;" in body
    assert "in the shadow" in bodies[0]
    assert "rolled back to" in bodies[1]
    assert "No forecast" in models_markup.served_table([], ZONE)
    assert "has not taken a step" in models_markup.event_table([], ZONE)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"hours": 4}, "Too few hours to judge: 4 of at least 168."),
        ({"gain_se": 1.0, "error": 0.00499}, "No better than the last price"),
        ({}, "Better than the last price by 2.00 % of its error."),
        ({"gain": -1.0, "error": 0.0051}, "Worse than the last price by 2.00 % of its error."),
    ],
)
def test_the_opinion_is_plain(changes: dict[str, Any], sentence: str) -> None:
    body = quality_markup.opinion(score(**changes), "30 days")
    assert sentence in body
    assert "52.1 % ± 1.3 of the time" in body
    assert "91.2 % ± 1.0 of closes" in body


def test_no_score_is_said_and_what_does_not_count() -> None:
    assert "No forecast" in quality_markup.opinion(None, "30 days")
    rows = [score(refusals=99), score("ETHUSDT", refusals=1, fallbacks=2, unjudged=3)]
    body = quality_markup.score_table(rows)
    assert "all but USDC" in body
    assert "Not counted: 1 refused, 2 made by the fallback, 3 of hours" in body
    assert ">+5.00 %<" in body, "pinball saved"


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


def test_a_job_tells_what_happened_and_no_zeros() -> None:
    detail = QueryFigures("candles", 60.0, failures=2, reason="no table").detail()
    assert system_markup.detail_text(detail) == "no table · failures 2"
    assert system_markup.detail_text({"feed": 2280, "bad": 0}) == "feed 2,280"
    assert system_markup.detail_text({"failures": 0}) == "–"


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
