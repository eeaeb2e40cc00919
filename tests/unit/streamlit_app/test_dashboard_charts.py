import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from streamlit_app import charts
from tests.support.dashboard_records import HOUR, NOON, candle, forecast, refusal, running

pytestmark = pytest.mark.unit

TICK = Decimal("0.01")
UTC_ZONE = ZoneInfo("UTC")


def frame(*candles: Any, forecasts: tuple[Any, ...] = (), zone: ZoneInfo = UTC_ZONE) -> Any:
    return charts.candle_frame(candles, forecasts, TICK, zone)


@pytest.mark.parametrize("make", [charts.candle_spec, charts.ratio_spec])
def test_a_specification_names_its_rows_and_holds_none(make: Any) -> None:
    spec = make()
    assert spec["data"] == {"name": charts.ROWS}
    assert json.dumps(spec).count('"data"') == 1
    assert '"values"' not in json.dumps(spec)
    assert make() == spec, "a changed specification would redraw the chart at every refresh"


@pytest.mark.parametrize("make", [charts.candle_spec, charts.ratio_spec])
def test_every_field_of_a_specification_is_in_its_frame(make: Any) -> None:
    frames = {
        charts.candle_spec: frame(candle(), forecasts=(forecast(),)),
        charts.ratio_spec: charts.ratio_frame(
            pd.DataFrame({"target_open_time": [NOON], "ratio": [0.99]}), UTC_ZONE
        ),
    }
    assert fields_of(make()) <= set(frames[make].columns)


def fields_of(part: Any) -> set[str]:
    if isinstance(part, list):
        return {name for item in part for name in fields_of(item)}
    if not isinstance(part, dict):
        return set()
    own = {part["field"]} if isinstance(part.get("field"), str) else set()
    return own | {name for item in part.values() for name in fields_of(item)}


def test_the_zoom_is_a_selection_that_streamlit_can_keep() -> None:
    params = charts.candle_spec()["params"]
    assert [(param["name"], param["bind"]) for param in params] == [(charts.ZOOM, "scales")]


def test_a_missing_hour_is_a_hole_without_figures() -> None:
    rows = frame(candle(0), candle(2), forecasts=(forecast(1),))
    assert list(rows["state"]) == ["complete", "hole", "complete"]
    hole = rows.iloc[1]
    assert math.isnan(hole["close"])
    assert hole["Close"] == "–"
    assert "hole" in hole["State"]
    assert hole["q50"] == pytest.approx(100.05), "what was forecast for it stays visible"


def test_the_hour_ahead_is_no_hole() -> None:
    rows = frame(candle(0), forecasts=(forecast(1),))
    assert list(rows["state"]) == ["complete", "ahead"]


@pytest.mark.parametrize(
    ("row", "state", "words"),
    [
        (candle(verdict="quiet"), "quiet", "nobody traded"),
        (candle(verdict="partial", reason="begins at 12:10"), "partial", "begins at 12:10"),
        (candle(verdict="disputed", reason="ids 5..9 missing"), "disputed", "ids 5..9 missing"),
        (candle(revision=3), "revised", "revision 3"),
        (candle(verdict="history"), "history", "exchange's own"),
        (running(), "running", "provisional"),
    ],
)
def test_each_hour_says_what_it_is_and_why(row: Any, state: str, words: str) -> None:
    drawn = frame(row).iloc[0]
    assert drawn["state"] == state
    assert words in drawn["State"]


@pytest.mark.parametrize(
    ("close", "direction"), [("102.00", "up"), ("98.00", "down"), ("100.00", "flat")]
)
def test_direction(close: str, direction: str) -> None:
    assert frame(candle(close=Decimal(close))).iloc[0]["direction"] == direction


def test_a_forecast_is_told_with_what_came() -> None:
    inside = frame(candle(0), forecasts=(forecast(0),)).iloc[0]["Forecast"]
    assert inside == (
        "100.05 (98.00 to 103.00); came inside the 90 % band, +1.949 % from the median "
        "(+2.000 % from the last close)"
    )
    outside = frame(candle(close=Decimal("105.00")), forecasts=(forecast(0),)).iloc[0]["Forecast"]
    assert "came outside the 90 % band" in outside
    assert frame(running(0), forecasts=(forecast(0),)).iloc[0]["Forecast"] == (
        "100.05 (98.00 to 103.00)"
    )


def test_a_refusal_keeps_its_reason_and_draws_no_band() -> None:
    row = frame(candle(0), forecasts=(refusal(0, "no history"),)).iloc[0]
    assert row["Forecast"] == "refused: no history"
    assert math.isnan(row["q50"])


def test_the_axis_shows_the_viewers_wall_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    pretended = charts.local_ms(NOON, berlin) / 1000
    assert datetime.fromtimestamp(pretended, UTC).hour == 13
    row = frame(candle(0), zone=berlin).iloc[0]
    assert row["Hour"] == "2026-01-01 13:00 Europe/Berlin · 12:00 UTC"
    assert row["end"] - row["begin"] == 3_600_000


def test_volume_takes_the_lowest_part_of_the_chart() -> None:
    rows = frame(candle(0), candle(1, volume=Decimal(25)), candle(2, volume=Decimal(0)))
    assert list(rows["volume_share"]) == [0.1, charts.VOLUME_SHARE, 0.0]


def test_no_volume_at_all_and_no_candle_at_all() -> None:
    assert list(frame(candle(volume=Decimal(0)))["volume_share"]) == [0.0]
    assert frame().empty


def test_hours_between_includes_both_ends() -> None:
    assert charts.hours_between(NOON, NOON + 2 * HOUR) == [NOON, NOON + HOUR, NOON + 2 * HOUR]
