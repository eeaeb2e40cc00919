"""HTML around the coin's chart: its figures, the legend and the hours to look at twice. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from streamlit_app import formatting as f
from streamlit_app.charts import HOUR, hours_between
from streamlit_app.markup import VERDICT_WORDS, table
from streamlit_app.records import CandleRow, ForecastRow, SymbolInfo
from streamlit_app.theme import DOWN, FORECAST, HOLE, UP

MAX_MARKED = 50


def head(
    info: SymbolInfo,
    candles: Sequence[CandleRow],
    forecasts: Sequence[ForecastRow],
    zone: ZoneInfo,
) -> str:
    """Return the coin's price, last close and newest forecast in one line."""
    tick = info.tick_size
    final = next((candle for candle in reversed(candles) if candle.is_final), None)
    parts = [
        f'<span class="nh-big" data-field="price">{f.price(candles[-1].close, tick)}</span>'
        f" <small>{escape(info.base_asset)} in USDT</small>"
    ]
    if final is not None:
        at = f.clock_time(final.open_time + HOUR, zone)
        parts.append(f'{at} close <b data-field="close">{f.price(final.close, tick)}</b>')
    if forecasts:
        parts.append(_forecast(forecasts[-1], info, zone))
    spans = "".join(f"<span>{part}</span>" for part in parts)
    return f'<div class="nh nh-head">{spans}</div>'


def _forecast(forecast: ForecastRow, info: SymbolInfo, zone: ZoneInfo) -> str:
    at = f.clock_time(forecast.closes_at, zone)
    if forecast.q50 is None:
        return f"forecast of the {at} close refused: {escape(forecast.refusal_reason or '')}"
    band = f"{f.price(forecast.q05, info.tick_size)} – {f.price(forecast.q95, info.tick_size)}"
    moved = f.percent(f.change(forecast.q50, forecast.last_close), 3)
    return (
        f'forecast of the {at} close <b data-field="median">{f.price(forecast.q50, info.tick_size)}</b>'
        f" ({moved} from the last close; 90 % band {band})"
    )


def legend() -> str:
    """Return what the colours and signs of the chart mean."""
    swatches = (
        (f"background:{UP}", "up"),
        (f"background:{DOWN}", "down"),
        (f"background:{HOLE};height:.2rem", "flat or quiet (no trades)"),
        (f"background:{HOLE};opacity:.4;outline:1px dashed {HOLE}", "hole: no candle"),
        (f"background:{FORECAST};opacity:.35", "90 % band"),
        (f"background:{FORECAST};opacity:.65", "50 % band"),
        (f"background:{FORECAST};height:.2rem", "forecast median, as made"),
    )
    parts = [f'<span><i class="swatch" style="{css}"></i>{word}</span>' for css, word in swatches]
    parts += ["<span>▲ partial</span>", "<span>◆ disputed</span>", "<span>● revised</span>"]
    parts.append("<span>Drag to move, Ctrl + wheel to zoom, double-click to reset.</span>")
    return f'<div class="nh nh-legend">{"".join(parts)}</div>'


def _mark(candle: CandleRow | None) -> str | None:
    if candle is None:
        return VERDICT_WORDS["hole"]
    if not candle.is_final:
        return None
    notes = []
    if candle.verdict in {"quiet", "partial", "disputed"}:
        notes.append(VERDICT_WORDS[candle.verdict])
    if candle.reason:
        notes.append(candle.reason)
    if candle.revision > 1:
        notes.append(f"revision {candle.revision}")
    return "; ".join(notes) or None


def marked(candles: Sequence[CandleRow]) -> list[tuple[datetime, str]]:
    """Return hours that are not simply complete, newest first, with what is to be said of them."""
    if not candles:
        return []
    by_time = {candle.open_time: candle for candle in candles}
    hours = hours_between(candles[0].open_time, candles[-1].open_time)
    noted = [(hour, _mark(by_time.get(hour))) for hour in reversed(hours)]
    return [(hour, note) for hour, note in noted if note]


def marked_hours(candles: Sequence[CandleRow], zone: ZoneInfo) -> str:
    """Return the table of hours to look at twice, or that there are none."""
    found = marked(candles)
    if not found:
        return '<p class="nh dim">Every hour shown is complete.</p>'
    rows = [(f.both_times(hour, zone), note) for hour, note in found[:MAX_MARKED]]
    more = f" (the newest {MAX_MARKED} of {len(found)})" if len(found) > MAX_MARKED else ""
    title = f'<p class="nh dim">Hours to look at twice{more}:</p>'
    return title + table(("Hour", "What is with it"), rows)
