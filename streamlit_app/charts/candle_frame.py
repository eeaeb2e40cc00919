"""The rows of a coin's chart: one per bar, holes included. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from streamlit_app import formatting as f
from streamlit_app import indicators
from streamlit_app.charts.base import local_ms
from streamlit_app.indicators import Chosen
from streamlit_app.intervals import Interval
from streamlit_app.records.market import BarRow, BarScore, ForecastRow
from streamlit_app.words import AHEAD_WORDS, bar_state, bar_words

QUANTILES = ("q05", "q25", "q50", "q75", "q95")
PRICES = ("open", "high", "low", "close")
INDICATORS = tuple(column for columns in indicators.COLUMNS.values() for column in columns)
NOT_DRAWN = ("utc_ms", "quote_volume")
"""Columns that only the drawn ones are made of."""
NAN = float("nan")


@dataclass(frozen=True)
class Panels:
    """Shares of the chart's height, from the bottom: RSI if it is wanted, volume, prices."""

    rsi: tuple[float, float]
    volume: tuple[float, float]
    prices: float
    height: int

    @classmethod
    def of(cls, has_rsi: bool) -> Panels:
        """Return the panels of a chart with or without RSI."""
        if has_rsi:
            return cls(rsi=(0.0, 0.18), volume=(0.22, 0.34), prices=0.36, height=560)
        return cls(rsi=(0.0, 0.0), volume=(0.0, 0.18), prices=0.2, height=440)


@dataclass(frozen=True)
class Axis:
    """What the bars stand on: their length, the symbol's tick, the viewer's zone."""

    interval: Interval
    tick: Decimal
    zone: ZoneInfo


def times_between(first: datetime, last: datetime, interval: Interval) -> list[datetime]:
    """Return the beginning of each bar from first to last, both included."""
    return [first + index * interval.step for index in range((last - first) // interval.step + 1)]


def bar_frame(
    bars: Sequence[BarRow],
    forecasts: Sequence[ForecastRow],
    scores: Sequence[BarScore],
    span: tuple[datetime, datetime],
    axis: Axis,
) -> pd.DataFrame:
    """Return one row per bar of a span, a hole where there is none.

    Args:
        bars: of the span.
        forecasts: of hourly bars; each is drawn beside the bar that it was made for.
        scores: of longer bars, that say how their hours' forecasts did.
        span: beginning of the first and of the last bar.
        axis: what they stand on.
    """
    by_time = {bar.open_time: bar for bar in bars}
    made = {forecast.target_open_time: forecast for forecast in forecasts}
    scored = {score.open_time: score for score in scores}
    rows = [
        _record(time, by_time.get(time), made.get(time), scored.get(time), axis)
        for time in times_between(*span, axis.interval)
    ]
    return pd.DataFrame(rows)


def ahead_row(forecast: ForecastRow, axis: Axis) -> pd.DataFrame:
    """Return the row of an hour that has not begun; it is no hole."""
    row = _record(forecast.target_open_time, None, forecast, None, axis)
    return pd.DataFrame([row | {"state": "ahead", "State": AHEAD_WORDS}])


def _record(
    time: datetime,
    bar: BarRow | None,
    forecast: ForecastRow | None,
    score: BarScore | None,
    axis: Axis,
) -> dict[str, Any]:
    values: dict[str, Any] = {
        "begin": local_ms(time, axis.zone),
        "utc_ms": time.timestamp() * 1000,
        "state": bar_state(bar),
        "Bar": f.both_times(time, axis.zone),
        "State": bar_words(bar),
        "Forecast": _forecast_text(forecast, bar, axis.tick) if forecast else _score_text(score),
    }
    for name in (*PRICES, "volume", "quote_volume"):
        values[name] = _float(getattr(bar, name) if bar else None)
    for name in QUANTILES:
        values[name] = _float(getattr(forecast, name) if forecast else None)
    return values


def _float(value: Decimal | None) -> float:
    return NAN if value is None else float(value)


def _forecast_text(forecast: ForecastRow, bar: BarRow | None, tick: Decimal) -> str:
    if forecast.q50 is None:
        return f"refused: {forecast.refusal_reason}"
    band = f"{f.price(forecast.q05, tick)} to {f.price(forecast.q95, tick)}"
    kind = "fallback " if forecast.is_fallback else ""
    outcome = _outcome(forecast, bar)
    return f"{kind}{f.price(forecast.q50, tick)} ({band}){'; ' + outcome if outcome else ''}"


def _outcome(forecast: ForecastRow, bar: BarRow | None) -> str:
    """Say what came of a forecast, next to what the last close would have told."""
    if bar is None or bar.is_running or bar.close is None:
        return ""
    if forecast.q50 is None or forecast.q05 is None or forecast.q95 is None:
        return ""
    inside = "inside" if forecast.q05 <= bar.close <= forecast.q95 else "outside"
    off = f.percent(f.change(bar.close, forecast.q50), 3)
    naive = f.percent(f.change(bar.close, forecast.last_close), 3)
    return f"came {inside} the 90 % band, {off} from the median ({naive} from the last close)"


def _score_text(score: BarScore | None) -> str:
    if score is None or not score.forecasts:
        return f.NOTHING
    return (
        f"of {score.forecasts} closes {score.inside_90} inside their 90 % band, "
        f"{score.inside_50} inside their 50 % band"
    )


def without_bands(frame: pd.DataFrame, forecast: ForecastRow | None) -> pd.DataFrame:
    """Return the frame without the bands of a forecast that a fan shows instead."""
    if forecast is None:
        return frame
    is_its = frame["utc_ms"] == forecast.target_open_time.timestamp() * 1000
    return frame.assign(**{name: frame[name].mask(is_its) for name in QUANTILES})


def fan_frame(forecast: ForecastRow | None, zone: ZoneInfo) -> pd.DataFrame:
    """Return the next hour's fan: from the last close to the quantiles at the hour's end."""
    columns = ["begin", *QUANTILES]
    if forecast is None or forecast.q50 is None or forecast.last_close is None:
        return pd.DataFrame([], columns=columns, dtype=float)
    last = float(forecast.last_close)
    ends = [_float(getattr(forecast, name)) for name in QUANTILES]
    return pd.DataFrame(
        [
            [local_ms(forecast.target_open_time, zone), *[last] * len(QUANTILES)],
            [local_ms(forecast.closes_at, zone), *ends],
        ],
        columns=columns,
    )


def with_indicators(frame: pd.DataFrame, chosen: Chosen, interval: Interval) -> pd.DataFrame:
    """Return the frame with a column per indicator; those that are not chosen stay empty."""
    close = frame["close"]
    found = dict.fromkeys(INDICATORS, pd.Series(NAN, index=frame.index))
    if "SMA" in chosen.names:
        found["sma"] = indicators.sma(close, chosen.period)
    if "EMA" in chosen.names:
        found["ema"] = indicators.ema(close, chosen.period)
    if "Bollinger" in chosen.names:
        found["bollinger_low"], found["bollinger_high"] = indicators.bollinger(close, chosen.period)
    if "RSI" in chosen.names:
        found["rsi"] = indicators.rsi(close)
    if "VWAP" in chosen.names:
        is_hole = close.isna()
        volume = frame["volume"].mask(is_hole)
        session = indicators.session(frame["utc_ms"], interval.hours)
        found["vwap"] = indicators.vwap(volume, frame["quote_volume"].mask(is_hole), session)
    return frame.assign(**found)


def drawn(frame: pd.DataFrame, panels: Panels, since: datetime, zone: ZoneInfo) -> pd.DataFrame:
    """Return what is sent: bars from `since` on, with heights in the panels.

    Raises:
        KeyError: if the frame has no indicators (see `with_indicators`).
    """
    shown = frame[frame["utc_ms"] >= since.timestamp() * 1000]
    low, high = panels.volume
    most = shown["volume"].max()
    share = shown["volume"] / most if most and most > 0 else shown["volume"] * 0
    shown = shown.assign(
        volume_top=low + (high - low) * share,
        rsi_y=panels.rsi[0] + (panels.rsi[1] - panels.rsi[0]) * shown["rsi"] / 100,
    )
    return shown.drop(columns=[name for name in NOT_DRAWN if name in shown.columns])


def view_frame(
    frame: pd.DataFrame,
    fan: pd.DataFrame,
    panels: Panels,
    step_ms: float,
    zoomed: tuple[float, float] | None,
) -> pd.DataFrame:
    """Return the one row that says which prices the y axis shows: those in view, with room below.

    Args:
        frame: what is drawn.
        fan: the next hour's.
        panels: how much of the height is not for prices.
        step_ms: length of a bar.
        zoomed: local times in view, None for all.
    """
    if zoomed is not None:
        frame = frame[(frame["begin"] + step_ms > zoomed[0]) & (frame["begin"] < zoomed[1])]
        fan = fan[(fan["begin"] > zoomed[0]) & (fan["begin"] < zoomed[1])]
    names = ("low", "high", "q05", "q95", "bollinger_low", "bollinger_high")
    values = pd.concat([frame[name] for name in names] + [fan[name] for name in ("q05", "q95")])
    low, high = values.min(), values.max()
    if pd.isna(low):
        low, high = 0.0, 1.0
    room = max((high - low) * 0.04, abs(high) * 1e-5)
    low, high = low - room, high + 2 * room
    below = (high - low) * panels.prices / (1 - panels.prices)
    return pd.DataFrame([{"bottom": low - below, "low": low, "high": high}])
