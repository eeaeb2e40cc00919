"""HTML around the coin's chart: its figures, the legend and the bars to look at twice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from conf.exchange_time import time_to_close
from streamlit_app import formatting as f
from streamlit_app.indicators import RSI_BARS, Chosen
from streamlit_app.intervals import HOUR, Interval
from streamlit_app.markup.base import table
from streamlit_app.records.market import CandleRow, ForecastRow
from streamlit_app.records.run import SymbolInfo
from streamlit_app.theme import DOWN, FORECAST, HOLE, INDICATORS, RSI, UP

MOST_ODD = 50


def head(
    info: SymbolInfo,
    newest: CandleRow,
    final: CandleRow | None,
    forecast: ForecastRow | None,
    now: datetime | None,
    zone: ZoneInfo,
) -> str:
    """Return the coin's price, last close and newest forecast in one line."""
    tick = info.tick_size
    parts = [
        f'<span class="nh-big" data-field="price">{f.price(newest.close, tick)}</span>'
        f" <small>{escape(info.base_asset)} in USDT</small>"
    ]
    if final is not None:
        at = f.clock_time(final.open_time + HOUR, zone)
        moved = f.percent(f.change(newest.close, final.close))
        parts.append(
            f'{at} close <b data-field="close">{f.price(final.close, tick)}</b> (now {moved})'
        )
    if forecast is not None:
        parts.append(_forecast(forecast, final, info, now, zone))
    spans = "".join(f"<span>{part}</span>" for part in parts)
    return f'<div class="nh nh-head">{spans}</div>'


def _forecast(
    forecast: ForecastRow,
    final: CandleRow | None,
    info: SymbolInfo,
    now: datetime | None,
    zone: ZoneInfo,
) -> str:
    at = f.clock_time(forecast.closes_at, zone)
    if forecast.q50 is None:
        return f"forecast of the {at} close refused: {escape(forecast.refusal_reason or '')}"
    band = f"{f.price(forecast.q05, info.tick_size)} – {f.price(forecast.q95, info.tick_size)}"
    moved = f.percent(f.change(forecast.q50, forecast.last_close), 3)
    kind = "fallback, not the model; " if forecast.is_fallback else ""
    return (
        f"forecast of the {at} close{_when(forecast, final, now)} "
        f'<b data-field="median">{f.price(forecast.q50, info.tick_size)}</b>'
        f" ({kind}{moved} from the last close; 90 % band {band})"
    )


def _when(forecast: ForecastRow, final: CandleRow | None, now: datetime | None) -> str:
    if final is not None and final.open_time >= forecast.target_open_time:
        return ", an hour that is over,"
    left = time_to_close(forecast.target_open_time, now)
    return f" in {f.span(left)}" if left else ""


def legend(interval: Interval, chosen: Chosen) -> str:
    """Return what the colours and signs of the chart mean."""
    one = "hour" if interval.hours == 1 else "bar"
    swatches = [
        (f"background:{UP}", "up"),
        (f"background:{DOWN}", "down"),
        (f"background:{HOLE};height:.2rem", "flat or quiet (no trades)"),
        (f"background:{HOLE};opacity:.4;outline:1px dashed {HOLE}", "hole: no candle"),
        (f"background:{FORECAST};opacity:.35", "90 % band"),
        (f"background:{FORECAST};opacity:.65", "50 % band"),
        (f"background:{FORECAST};height:.2rem", "forecast median, as made"),
    ]
    swatches += [(_line(INDICATORS[name][0]), _name(name, chosen)) for name in _lines(chosen)]
    if "RSI" in chosen.names:
        swatches.append((_line(RSI), f"RSI {RSI_BARS}"))
    parts = [
        f'<span><i class="swatch" style="{css}"></i>{escape(word)}</span>' for css, word in swatches
    ]
    parts += [f"<span>▲ partial {one}</span>", "<span>◆ disputed</span>", "<span>● revised</span>"]
    parts.append("<span>■ quiet</span>")
    if interval.hours > 1:
        parts.append(
            "<span>Forecasts are drawn on hourly bars; here their outcome is in the tooltip.</span>"
        )
    parts.append("<span>Drag to move, Ctrl + wheel to zoom, double-click to reset.</span>")
    return f'<div class="nh nh-legend">{"".join(parts)}</div>'


def _lines(chosen: Chosen) -> list[str]:
    return [name for name in INDICATORS if name in chosen.names]


def _line(colour: str) -> str:
    return f"background:{colour};height:.2rem"


def _name(name: str, chosen: Chosen) -> str:
    return "VWAP" if name == "VWAP" else f"{name} {chosen.period}"


def odd_bars(found: Sequence[tuple[datetime, str]], interval: Interval, zone: ZoneInfo) -> str:
    """Return the table of bars to look at twice, or that there are none.

    Args:
        found: time and what is to be said, newest first.
        interval: of a bar.
        zone: the viewer's.
    """
    hourly = interval.hours == 1
    if not found:
        words = "Every hour shown is complete." if hourly else "Every bar shown is complete."
        return f'<p class="nh dim">{words}</p>'
    rows = [(f.both_times(time, zone), note) for time, note in found[:MOST_ODD]]
    more = f" (the newest {MOST_ODD} of {len(found)})" if len(found) > MOST_ODD else ""
    what = "Hours" if hourly else f"Bars of {interval.name}"
    title = f'<p class="nh dim">{what} to look at twice{more}:</p>'
    return title + table(("Hour" if hourly else "Bar from", "What is with it"), rows)
