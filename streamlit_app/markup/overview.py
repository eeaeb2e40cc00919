"""HTML of the overview: a row per coin, and the strip of its last hours. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from zoneinfo import ZoneInfo

from conf.exchange_time import freshness, time_to_close
from streamlit_app import formatting as f
from streamlit_app.intervals import HOUR
from streamlit_app.records.market import STRIP_HOURS, CandleRow, CoinNow, ForecastRow
from streamlit_app.words import VERDICT_WORDS


def _share(value: Decimal, low: Decimal, high: Decimal) -> str:
    """Return where a value lies between two bounds, as a CSS percentage."""
    if high <= low:
        return "50%"
    return f"{float((value - low) / (high - low)) * 100:.1f}%"


def forecast_range(forecast: ForecastRow, price: Decimal | None) -> str:
    """Return the bar of a forecast: 90 % and 50 % band, median, and the price now."""
    band = (forecast.q05, forecast.q25, forecast.q50, forecast.q75, forecast.q95)
    known = [value for value in (*band, price) if value is not None]
    if any(value is None for value in band) or not known:
        return ""
    low, high = min(known), max(known)
    q05, q25, q50, q75, q95 = (_share(value, low, high) for value in band if value is not None)
    now = (
        f'<i class="now" style="left:{_share(price, low, high)}"></i>' if price is not None else ""
    )
    return (
        '<div class="nh-range" aria-hidden="true"><i class="axis"></i>'
        f'<i class="b90" style="left:{q05};right:calc(100% - {q95})"></i>'
        f'<i class="b50" style="left:{q25};right:calc(100% - {q75})"></i>'
        f'<i class="q50" style="left:{q50}"></i>{now}</div>'
    )


def hour_range(candle: CandleRow) -> str:
    """Return a candle lying on its side: low to high with the body from open to close."""
    low, high, first, last = candle.low, candle.high, candle.open, candle.close
    if low is None or high is None or first is None or last is None:
        return ""
    direction = "up" if last > first else "down" if last < first else "flat"
    begin, end = _share(min(first, last), low, high), _share(max(first, last), low, high)
    return (
        '<div class="nh-range" aria-hidden="true">'
        f'<i class="wick {direction}" style="left:0;right:0"></i>'
        f'<i class="body {direction}" style="left:{begin};right:calc(100% - {end})"></i></div>'
    )


def verdict_class(candle: CandleRow | None) -> str:
    """Return the classes of an hour's square in the strip."""
    if candle is None:
        return "hole"
    revised = " revised" if candle.revision > 1 else ""
    return f"{candle.verdict or 'running'}{revised}"


def verdict_text(
    candle: CandleRow | None, open_time: datetime, zone: ZoneInfo, kind: str = "hole"
) -> str:
    """Return what the tooltip of an hour says: when, what, and why."""
    when = f.both_times(open_time, zone)
    if candle is None:
        return f"{when} – {VERDICT_WORDS[kind]}"
    parts = [VERDICT_WORDS.get(candle.verdict or "", "running")]
    if candle.reason:
        parts.append(candle.reason)
    if candle.revision > 1:
        parts.append(f"revision {candle.revision}")
    return f"{when} – {'; '.join(parts)}"


def strip(hours: Sequence[CandleRow], end: datetime | None, zone: ZoneInfo) -> str:
    """Return one square per hour up to `end`, a hole where there is no candle."""
    if end is None:
        return ""
    by_time = {candle.open_time: candle for candle in hours}
    squares, words = [], []
    for back in range(STRIP_HOURS - 1, -1, -1):
        open_time = end - back * HOUR
        candle = by_time.get(open_time)
        kind = verdict_class(candle)
        if kind == "hole" and open_time == end:
            kind = "waiting"  # other coins' hours closed a moment earlier
        glyph = "!" if kind.startswith("disputed") else ""
        tip = escape(verdict_text(candle, open_time, zone, kind), quote=True)
        squares.append(f'<i class="{kind}" title="{tip}">{glyph}</i>')
        if kind not in {"complete", "history", "waiting"}:
            words.append(kind)
    spoken = f"last {STRIP_HOURS} hours: " + (", ".join(words) if words else "all complete")
    return f'<div class="nh-strip" role="img" aria-label="{spoken}">{"".join(squares)}</div>'


def strip_legend() -> str:
    """Return what the squares of the strip mean."""
    parts = []
    for kind in ("complete", "history", "quiet", "partial", "disputed", "hole", "revised"):
        classes = "complete revised" if kind == "revised" else kind
        glyph = "!" if kind == "disputed" else ""
        tip = escape(VERDICT_WORDS[kind], quote=True)
        parts.append(
            f'<span title="{tip}"><span class="nh-strip"><i class="{classes}">{glyph}</i></span>'
            f"{kind}</span>"
        )
    return f'<div class="nh nh-legend">{"".join(parts)}</div>'


def coin_row(
    coin: CoinNow, now: datetime | None, wall_now: datetime, end: datetime | None, zone: ZoneInfo
) -> str:
    """Return one coin of the overview."""
    cells = (_price_cell(coin, wall_now, zone), _hour_cell(coin, now, zone))
    forecast = f'<div class="full">{_forecast_cell(coin, now, zone)}</div>'
    last = (
        '<div class="full"><span class="nh-label">'
        f"Last {STRIP_HOURS} hours</span>{strip(coin.strip, end, zone)}</div>"
    )
    inside = "".join(f"<div>{cell}</div>" for cell in cells)
    symbol = escape(coin.info.symbol, quote=True)
    return f'<div class="nh nh-row" data-symbol="{symbol}">{inside}{forecast}{last}</div>'


def _price_cell(coin: CoinNow, wall_now: datetime, zone: ZoneInfo) -> str:
    tick = coin.info.tick_size
    newest, final = coin.newest, coin.last_final
    if newest is None:
        return '<span class="nh-label">Last price</span><div class="nh-big">–</div><small>no candle yet</small>'
    age = wall_now - newest.updated_at
    status = "" if coin.info.status == "TRADING" else f" · {escape(coin.info.status.lower())}"
    closed = ""
    if final is not None and final.close is not None:
        at = f.clock_time(final.open_time + HOUR, zone)
        closed = (
            f'<small>{at} close <span data-field="close" data-hour="{final.open_time:%Y-%m-%dT%H:%MZ}">'
            f"{f.price(final.close, tick)}</span></small>"
        )
    return (
        f'<span class="nh-label"><span class="nh-dot {freshness(age)}"></span>'
        f"Last price · {f.ago(age)}{status}</span>"
        f'<div class="nh-big" data-field="price">{f.price(newest.close, tick)}</div>{closed}'
    )


def _hour_cell(coin: CoinNow, now: datetime | None, zone: ZoneInfo) -> str:
    newest = coin.newest
    if newest is None or newest.is_final:
        return '<span class="nh-label">Running hour</span><div>–</div><small>no trade in it yet</small>'
    moved = f.percent(f.change(newest.close, newest.open))
    left = time_to_close(newest.open_time, now)
    # The time to go stands beside the forecast, once.
    state = "closing" if left is not None and not left else "provisional"
    trades = f"{newest.trades:,} trades" if newest.trades is not None else ""
    return (
        f'<span class="nh-label">Hour from {f.clock_time(newest.open_time, zone)} · {state}</span>'
        f'{hour_range(newest)}<small><span data-field="running">{moved}</span> · {trades}</small>'
    )


def _forecast_cell(coin: CoinNow, now: datetime | None, zone: ZoneInfo) -> str:
    forecast, tick = coin.forecast, coin.info.tick_size
    if forecast is None:
        return '<span class="nh-label">Forecast</span><div>none yet</div>'
    at = f.clock_time(forecast.closes_at, zone)
    late = _lateness(coin, forecast, now)
    if forecast.q50 is None:
        why = escape(forecast.refusal_reason or "no reason given")
        return f'<span class="nh-label">Forecast of the {at} close{late}</span><div data-field="refusal">refused: {why}</div>'
    moved = f.percent(f.change(forecast.q50, forecast.last_close), 3)
    fallback = " · fallback, not the model" if forecast.is_fallback else ""
    last_price = coin.newest.close if coin.newest else None
    hour = f"{forecast.target_open_time:%Y-%m-%dT%H:%MZ}"
    return (
        f'<span class="nh-label">Forecast of the {at} close{late}{fallback}</span>'
        f'<div><span class="nh-big" data-field="median" data-hour="{hour}">{f.price(forecast.q50, tick)}</span> '
        f'<small data-field="median-change">{moved} from the last close</small></div>'
        f"{forecast_range(forecast, last_price)}"
        f'<small>90 % band <span data-field="band">{f.price(forecast.q05, tick)} – {f.price(forecast.q95, tick)}</span></small>'
    )


def _lateness(coin: CoinNow, forecast: ForecastRow, now: datetime | None) -> str:
    """Say so where the newest forecast is of an hour that is over."""
    final = coin.last_final
    if final is not None and final.open_time >= forecast.target_open_time:
        return " · that hour is over"
    left = time_to_close(forecast.target_open_time, now)
    return f" · in {f.span(left)}" if left else ""
