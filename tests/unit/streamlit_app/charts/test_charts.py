"""Frames and specifications of the charts: a refresh swaps rows, a hole is a hole, quiet is flat."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from conf.names import HOUR_MS
from streamlit_app import indicators, scoring
from streamlit_app.charts import analysis, base, candle_frame, fan, lines, predicted, zoom
from streamlit_app.charts.candle_frame import Axis, Panels
from streamlit_app.charts.candle_spec import FAN, VIEW, Look, candle_spec
from streamlit_app.intervals import DAILY, HOURLY
from streamlit_app.records.analysis import (
    AggregateRow,
    CorrelationRow,
    PatternRow,
    RebasedRow,
    VolatilityRow,
)
from streamlit_app.records.evaluation import Prediction
from streamlit_app.records.forecasts import HourScore, ServedRow
from streamlit_app.records.market import BarRow, BarScore, ForecastRow
from streamlit_app.records.projection import DayClose, Fan, FanDay, PathDay
from tests.support.dashboard_records import HOUR, NOON, bar, forecast, refusal

pytestmark = pytest.mark.unit

TICK = Decimal("0.01")
UTC_ZONE = ZoneInfo("UTC")
BERLIN = ZoneInfo("Europe/Berlin")
LOOK = Look(step_ms=HOUR_MS, decimals=2)
ALL = Look(step_ms=HOUR_MS, decimals=2, indicators=indicators.NAMES)
PANELS = Panels.of(False)
A_FAN = Fan(
    *("ETHUSDT", NOON, 100.0, "simulated", NOON),
    days=(FanDay(1, 95, 98, 100, 102, 105), FanDay(2, 93, 97, 100, 103, 107)),
    paths=(PathDay(0, 1, 101.0), PathDay(0, 2, 99.0), PathDay(1, 1, 98.0)),
)


def frame(
    *bars: BarRow,
    forecasts: tuple[ForecastRow, ...] = (),
    last: int = 0,
    zone: ZoneInfo = UTC_ZONE,
) -> pd.DataFrame:
    axis = Axis(HOURLY, TICK, zone)
    return candle_frame.bar_frame(bars, forecasts, (), (NOON, NOON + last * HOUR), axis)


def drawn(*bars: BarRow, last: int = 0, chosen: tuple[str, ...] = ()) -> pd.DataFrame:
    with_lines = candle_frame.with_indicators(
        frame(*bars, last=last), indicators.Chosen(chosen), HOURLY
    )
    return candle_frame.drawn(with_lines, Panels.of("RSI" in chosen), NOON, UTC_ZONE)


SPECS: dict[str, Callable[[], base.Spec]] = {
    "candles": lambda: candle_spec(LOOK),
    "all indicators": lambda: candle_spec(ALL),
    "ratio": lines.ratio_spec,
    "coverage": lines.coverage_spec,
    "served": lines.served_spec,
    "fan": lambda: fan.fan_spec(2),
    "predicted": lambda: predicted.predicted_spec(2),
    "returns": analysis.return_spec,
    "volatility": analysis.volatility_spec,
    "rebased": lambda: analysis.rebased_spec(("BTC", "ETH")),
    "correlation": analysis.correlation_spec,
    "moves by hour": lambda: analysis.pattern_spec("move"),
    "volume by hour": lambda: analysis.pattern_spec("volume"),
}
MONDAY = date(2026, 1, 5)
BANDS = (95.0, 98.0, 100.0, 102.0, 105.0)


def day(value: float | None) -> AggregateRow:
    money = Decimal(1)
    return AggregateRow("ETHUSDT", MONDAY, *[money] * 6, 24, 0, value, 0.02)


def running_frame() -> pd.DataFrame:
    hours = [HourScore(NOON, 9, 0.04, 0.05, 8), HourScore(NOON + HOUR, 9, 0.04, 0.05, 9)]
    return lines.running_frame(scoring.running_ratio(hours), UTC_ZONE)


def served_frame() -> pd.DataFrame:
    span = ServedRow("live", "v1", NOON, NOON + HOUR, 2, 20, 0, 80.0)
    return lines.served_frame([span], UTC_ZONE)


FRAMES: dict[str, Callable[[], dict[str, pd.DataFrame]]] = {
    "candles": lambda: {
        base.ROWS: drawn(bar()),
        FAN: candle_frame.fan_frame(forecast(1), UTC_ZONE),
        VIEW: candle_frame.view_frame(drawn(bar()), drawn(bar()), PANELS, HOUR_MS, None),
    },
    "all indicators": lambda: {
        base.ROWS: drawn(bar(), chosen=indicators.NAMES),
        FAN: candle_frame.fan_frame(None, UTC_ZONE),
        VIEW: candle_frame.view_frame(drawn(bar()), drawn(bar()), PANELS, HOUR_MS, None),
    },
    "ratio": lambda: {base.ROWS: running_frame()},
    "coverage": lambda: {base.ROWS: running_frame()},
    "served": lambda: {base.ROWS: served_frame()},
    "fan": lambda: {
        base.ROWS: fan.fan_frame(A_FAN, UTC_ZONE),
        fan.PATHS: fan.path_frame(A_FAN, UTC_ZONE),
        fan.CLOSES: fan.close_frame([DayClose(NOON, 100.0)], UTC_ZONE),
    },
    "predicted": lambda: {
        base.ROWS: predicted.predicted_frame(
            [Prediction(NOON, 99.0, *BANDS, 101.0, False, None)], UTC_ZONE
        )
    },
    "returns": lambda: {base.ROWS: analysis.return_frame([day(0.01)], 1)},
    "volatility": lambda: {
        base.ROWS: analysis.volatility_frame([VolatilityRow(MONDAY, 0.5, None, 0.6)])
    },
    "rebased": lambda: {
        base.ROWS: analysis.rebased_frame([RebasedRow("BTCUSDT", MONDAY, MONDAY, 1.0)])
    },
    "correlation": lambda: {base.ROWS: correlations()},
    "moves by hour": lambda: {base.ROWS: analysis.pattern_frame([PatternRow(7, 52, 0.004, None)])},
    "volume by hour": lambda: {base.ROWS: analysis.pattern_frame([PatternRow(7, 52, 0.004, 1.2)])},
}


def correlations() -> pd.DataFrame:
    return analysis.correlation_frame(
        [
            CorrelationRow("ETHUSDT", "ETHUSDT", MONDAY, None, 1.0),
            CorrelationRow("ETHUSDT", "BTCUSDT", MONDAY, 720, 0.8),
            CorrelationRow("BTCUSDT", "ETHUSDT", MONDAY, 720, None),
        ]
    )


@pytest.mark.parametrize("name", SPECS)
def test_a_specification_names_its_rows_and_holds_none(name: str) -> None:
    spec = SPECS[name]()
    assert spec["data"] == {"name": base.ROWS}
    named = {part["name"] for part in dicts_of(spec, "data")}
    assert named == set(FRAMES[name]()), "each frame that is sent is drawn, and no other"
    assert SPECS[name]() == spec, "a changed specification would redraw the chart at every refresh"
    assert not any("values" in part for part in dicts_of(spec, "data"))
    json.dumps(spec)


@pytest.mark.parametrize("name", SPECS)
def test_every_field_of_a_specification_is_in_a_frame_or_calculated(name: str) -> None:
    spec = SPECS[name]()
    calculated = {part["as"] for part in all_dicts(spec) if "calculate" in part}
    columns = {column for rows in FRAMES[name]().values() for column in rows.columns}
    fields = {
        part["field"] for part in all_dicts(spec) if isinstance(part.get("field"), str)
    } - calculated
    assert fields <= columns


def all_dicts(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, list):
        return [found for item in part for found in all_dicts(item)]
    if not isinstance(part, dict):
        return []
    return [part, *(found for item in part.values() for found in all_dicts(item))]


def dicts_of(spec: Any, key: str) -> list[dict[str, Any]]:
    return [part[key] for part in all_dicts(spec) if isinstance(part.get(key), dict)]


def test_the_zoom_is_a_selection_that_streamlit_can_keep() -> None:
    params = candle_spec(LOOK)["params"]
    assert [(param["name"], param["bind"]) for param in params] == [(base.ZOOM, "scales")]
    assert "value" not in params[0]
    begun = Look(step_ms=HOUR_MS, decimals=2, zoomed=(1.0, 2.0))
    assert candle_spec(begun)["params"][0]["value"] == {"x": [1.0, 2.0]}


def test_a_missing_hour_is_a_hole_without_figures() -> None:
    rows = frame(bar(0), bar(2), forecasts=(forecast(1),), last=2)
    assert list(rows["state"]) == ["complete", "hole", "complete"]
    hole = rows.iloc[1]
    assert math.isnan(hole["close"])
    assert "hole" in hole["State"]
    assert hole["q50"] == pytest.approx(100.05), "what was forecast for it stays visible"


def test_the_hour_ahead_is_no_hole() -> None:
    rows = candle_frame.ahead_row(forecast(1), Axis(HOURLY, TICK, UTC_ZONE))
    assert list(rows["state"]) == ["ahead"]
    assert rows["State"][0] == "ahead: not begun"


def test_a_longer_bar_tells_how_its_forecasts_did() -> None:
    day = bar(0, hours=24, expected=24)
    scores = [BarScore(NOON, 24, 12, 22)]
    rows = candle_frame.bar_frame([day], (), scores, (NOON, NOON), Axis(DAILY, TICK, UTC_ZONE))
    assert rows["Forecast"][0] == (
        "of 24 closes 22 inside their 90 % band, 12 inside their 50 % band"
    )
    assert "24 hours" in rows["State"][0]


def test_a_forecast_is_told_with_what_came() -> None:
    inside = frame(bar(0), forecasts=(forecast(0),)).iloc[0]["Forecast"]
    assert inside == (
        "100.05 (98.00 to 103.00); came inside the 90 % band, +1.949 % from the median "
        "(+2.000 % from the last close)"
    )
    outside = frame(bar(close=Decimal("105.00")), forecasts=(forecast(0),)).iloc[0]["Forecast"]
    assert "came outside the 90 % band" in outside
    open_hour = frame(bar(is_running=True), forecasts=(forecast(0),)).iloc[0]["Forecast"]
    assert open_hour == "100.05 (98.00 to 103.00)"


def test_a_refusal_keeps_its_reason_and_draws_no_band() -> None:
    row = frame(bar(0), forecasts=(refusal(0, "no history"),)).iloc[0]
    assert row["Forecast"] == "refused: no history"
    assert math.isnan(row["q50"])


def test_the_axis_shows_the_viewers_wall_time() -> None:
    pretended = base.local_ms(NOON, BERLIN) / 1000
    assert datetime.fromtimestamp(pretended, UTC).hour == 13
    assert base.utc_of_local(pretended * 1000, BERLIN) == NOON
    assert frame(bar(0), zone=BERLIN)["Bar"][0] == "2026-01-01 13:00 Europe/Berlin · 12:00 UTC"


def test_volume_takes_its_panel_and_none_when_nobody_traded() -> None:
    bars = [bar(0), bar(1, volume=Decimal(25)), bar(2, volume=Decimal(0))]
    low, high = PANELS.volume
    assert list(drawn(*bars, last=2)["volume_top"]) == pytest.approx([(low + high) / 2, high, low])
    assert list(drawn(bar(volume=Decimal(0)))["volume_top"]) == [0.0]


def test_bars_before_the_range_serve_the_indicators_and_are_not_sent() -> None:
    bars = [bar(number, close=Decimal(100 + number)) for number in range(25)]
    rows = candle_frame.with_indicators(
        frame(*bars, last=24), indicators.Chosen(("SMA",), 20), HOURLY
    )
    shown = candle_frame.drawn(rows, PANELS, NOON + 20 * HOUR, UTC_ZONE)
    assert len(shown) == 5
    assert shown["sma"].notna().all()
    assert "utc_ms" not in shown


def test_the_fan_opens_from_the_last_close_and_hides_the_steps_band() -> None:
    ahead = forecast(1)
    opened = candle_frame.fan_frame(ahead, UTC_ZONE)
    assert list(opened["q95"]) == [100.0, 103.0]
    assert opened["begin"][1] - opened["begin"][0] == HOUR_MS
    rows = frame(bar(0), bar(1), forecasts=(forecast(0), ahead), last=1)
    assert list(candle_frame.without_bands(rows, ahead)["q50"].isna()) == [False, True]
    assert candle_frame.fan_frame(refusal(1), UTC_ZONE).empty


def test_the_price_axis_follows_what_is_in_view() -> None:
    rows = drawn(bar(0), bar(1, low=Decimal(50), high=Decimal(60)), last=1)
    nothing = candle_frame.fan_frame(None, UTC_ZONE)
    whole = candle_frame.view_frame(rows, nothing, PANELS, HOUR_MS, None).iloc[0]
    first = base.local_ms(NOON, UTC_ZONE)
    zoomed = (first, first + HOUR_MS)
    part = candle_frame.view_frame(rows, nothing, PANELS, HOUR_MS, zoomed).iloc[0]
    assert whole["low"] < 50 < 60 < part["low"] < 99
    assert part["bottom"] < part["low"], "room for the volume"
    empty = candle_frame.view_frame(rows[:0], nothing, PANELS, HOUR_MS, None).iloc[0]
    assert (empty["low"], empty["high"]) == pytest.approx((-0.04, 1.08))


@pytest.mark.parametrize("zone", [UTC_ZONE, BERLIN])
def test_a_zoom_goes_into_the_address_and_back(zone: ZoneInfo) -> None:
    zoomed = (base.local_ms(NOON, zone), base.local_ms(NOON + 5 * HOUR, zone))
    text = zoom.zoom_text(zoomed, zone)
    assert text == "2026-01-01T12:00Z~2026-01-01T17:00Z"
    assert zoom.zoom_of(text, zone) == zoomed


@pytest.mark.parametrize("text", [None, "", "x", "~", "2026-01-01T12:00Z~2026-01-01T11:00Z", "~~~"])
def test_an_address_may_hold_any_zoom(text: str | None) -> None:
    assert zoom.zoom_of(text, UTC_ZONE) is None


@pytest.mark.parametrize(
    ("event", "found"),
    [
        ({"begin": [1, 2.5]}, (1.0, 2.5)),
        ({}, None),
        (None, None),
        ({"begin": [1]}, None),
        ({"begin": ["a", "b"]}, None),
    ],
)
def test_a_selection_of_vega_is_read_with_care(event: Any, found: Any) -> None:
    assert zoom.zoom_of_event(event) == found


def test_the_long_fan_begins_at_the_last_close() -> None:
    rows = fan.fan_frame(A_FAN, UTC_ZONE)
    assert list(rows["q50"]) == [100.0, 100.0, 100.0]
    assert list(rows["q95"]) == [100.0, 105.0, 107.0]
    paths = fan.path_frame(A_FAN, UTC_ZONE)
    assert list(paths.groupby("path")["price"].count()) == [3, 2]
    assert set(paths.groupby("path")["price"].first()) == {100.0}


def test_a_missing_day_breaks_the_line_of_closes() -> None:
    day = timedelta(days=1)
    times = [NOON, NOON + day, NOON + 3 * day]
    rows = fan.close_frame([DayClose(time, 1.0) for time in times], UTC_ZONE)
    assert list(rows["run"]) == ["0", "0", "1"]


def test_a_span_of_service_ends_when_its_last_hour_does() -> None:
    row = served_frame().iloc[0]
    assert row["end"] - row["begin"] == 2 * HOUR_MS
    assert row["how"] == "served"


def test_rows_do_not_change_the_kept_specification() -> None:
    spec = candle_spec(LOOK)
    whole = base.with_rows(spec, drawn(bar()))
    whole["layer"].clear()
    assert spec["layer"]
    assert "datasets" not in spec


def test_a_day_without_a_return_has_no_bar_and_a_week_is_wider() -> None:
    found = analysis.return_frame([day(None), day(-0.01), day(0.02)], 7)
    assert list(found["direction"]) == ["down", "up"]
    assert found["end"][0] - found["begin"][0] == pytest.approx(0.8 * 7 * analysis.DAY_MS)
    assert datetime.fromtimestamp(found["begin"][0] / 1000, UTC).date() == MONDAY


def test_correlations_keep_the_coins_in_their_order() -> None:
    found = correlations()
    assert list(zip(found["coin"], found["other"], found["place"], strict=True)) == [
        ("ETH", "ETH", 0),
        ("ETH", "BTC", 0),
        ("BTC", "ETH", 1),
    ]
    assert math.isnan(found["value"][2]), "a coin that did not move has none"


def test_a_prediction_stands_at_the_close_that_it_was_made_for() -> None:
    rows = [Prediction(NOON, 99.0, *BANDS, 101.0, False, None)] * 800
    found = predicted.predicted_frame(rows, UTC_ZONE)
    assert len(found) == predicted.MOST_POINTS
    assert found["time"][0] == base.local_ms(NOON + HOUR, UTC_ZONE)
