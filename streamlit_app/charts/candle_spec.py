"""How a coin's chart is drawn. Pure; the rows are those of `candle_frame`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import altair as alt

from streamlit_app import theme
from streamlit_app.charts.base import Spec, finished, time_x, zoom
from streamlit_app.charts.candle_frame import Panels
from streamlit_app.indicators import COLUMNS, RSI_BARS

VIEW, FAN = "view", "fan"
MARKED = ("partial", "disputed", "revised", "quiet")
MARKS = ("triangle-up", "diamond", "circle", "square")


@dataclass(frozen=True)
class Look:
    """All that a coin's specification depends on.

    Attributes:
        step_ms: length of a bar.
        decimals: of a price.
        bars: word for a bar in the tooltip: `Hour`, `Bar`.
        indicators: names that are drawn, with `period` bars.
        zoomed: local times to begin with.
    """

    step_ms: float
    decimals: int
    bars: str = "Hour"
    indicators: tuple[str, ...] = ()
    period: int = 20
    zoomed: tuple[float, float] | None = None

    @property
    def panels(self) -> Panels:
        """Return how the height is shared."""
        return Panels.of("RSI" in self.indicators)


@lru_cache(maxsize=256)
def candle_spec(look: Look) -> Spec:
    """Return the specification; equal looks give the same one, so that a refresh redraws nothing."""
    return finished(
        alt.layer(_holes(look), *_panel_layers(look), _prices(look), _hover(look))
        .resolve_scale(y="independent")
        .properties(height=look.panels.height)
        .configure_view(strokeOpacity=0)
    )


def _bars(look: Look) -> alt.Chart:
    """Return the rows with the edges of what is drawn of each."""
    step = look.step_ms
    return (
        alt.Chart()
        .transform_calculate(left=f"datum.begin + {0.16 * step}")
        .transform_calculate(right=f"datum.begin + {0.84 * step}")
        .transform_calculate(middle=f"datum.begin + {0.5 * step}")
        .transform_calculate(end=f"datum.begin + {step}")
    )


def _drawn(look: Look) -> alt.Chart:
    """Return the rows that have prices, with their direction."""
    direction = "datum.close > datum.open ? 'up' : datum.close < datum.open ? 'down' : 'flat'"
    return (
        _bars(look)
        .transform_filter("isValid(datum.close)")
        .transform_calculate(direction=direction)
    )


def _colour() -> alt.Color:
    return alt.Color(
        "direction:N",
        scale=alt.Scale(domain=["up", "down", "flat"], range=[theme.UP, theme.DOWN, theme.HOLE]),
        legend=None,
    )


def _price(field: str) -> alt.Y:
    """Return the channel of a price; the one row of `view` says which prices there are."""
    ends = {
        side: alt.ExprRef(f"length(data('{VIEW}')) ? data('{VIEW}')[0].{column} : {otherwise}")
        for side, column, otherwise in (("domainMin", "bottom", 0), ("domainMax", "high", 1))
    }
    label = f"length(data('{VIEW}')) && datum.value < data('{VIEW}')[0].low ? '' : datum.label"
    return alt.Y(
        f"{field}:Q",
        scale=alt.Scale(zero=False, nice=False, **ends),
        axis=alt.Axis(orient="right", title=None, format=",~f", tickCount=8, labelExpr=label),
    )


def _panel(field: str, axis: alt.Axis | None) -> alt.Y:
    """Return the channel of a share of the chart's height."""
    return alt.Y(f"{field}:Q", scale=alt.Scale(domain=[0, 1], nice=False), axis=axis, title=None)


def _holes(look: Look) -> alt.Chart:
    """Return what is behind hours that are missing, over the whole height."""
    return (
        _bars(look)
        .transform_filter("datum.state == 'hole' || datum.state == 'incomplete'")
        .mark_rect(
            color=theme.HOLE, opacity=0.3, stroke=theme.HOLE, strokeDash=[3, 3], strokeOpacity=1
        )
        .encode(x=time_x("begin", axis=True), x2="end:T")
    )


def _panel_layers(look: Look) -> list[alt.LayerChart]:
    """Return volume, and RSI below it; they share the axis that tells RSI's levels."""
    panels = look.panels
    has_rsi = "RSI" in look.indicators
    axis = _rsi_axis(panels) if has_rsi else None
    layers = [
        _drawn(look)
        .mark_rect(opacity=0.28)
        .encode(
            x=time_x("left"),
            x2="right:T",
            y=_panel("volume_top", axis),
            y2=alt.datum(panels.volume[0]),
            color=_colour(),
        )
    ]
    if has_rsi:
        layers.append(
            _bars(look)
            .mark_line(color=theme.RSI, strokeWidth=1.5)
            .encode(x=time_x("middle"), y=_panel("rsi_y", axis))
        )
    return [alt.layer(*layers).resolve_scale(y="shared", color="independent")]


def _rsi_axis(panels: Panels) -> alt.Axis:
    low, high = panels.rsi
    level = f"round((datum.value - {low}) / {high - low} * 100)"
    return alt.Axis(
        orient="left",
        values=[low + (high - low) * value / 100 for value in (30, 70)],
        labelExpr=f"'RSI ' + {level}",
        title=None,
    )


def _prices(look: Look) -> alt.LayerChart:
    drawn, bars = _drawn(look), _bars(look)
    expected = bars.transform_filter("isValid(datum.q50)")
    provisional = alt.condition("datum.state == 'running'", alt.value(0.45), alt.value(1))
    layers = [
        _view(),
        *_band(expected, "begin", "end"),
        *_fan(),
        *_lines(look),
        drawn.mark_rule(strokeWidth=1.3).encode(
            x=time_x("middle"), y=_price("low"), y2="high:Q", color=_colour()
        ),
        drawn.mark_rect(stroke=None).encode(
            x=time_x("left"),
            x2="right:T",
            y=_price("open"),
            y2="close:Q",
            color=_colour(),
            fillOpacity=provisional,
        ),
        # Keeps an hour visible whose open and close are one price.
        drawn.mark_rule(strokeWidth=2).encode(
            x=time_x("left"), x2="right:T", y=_price("close"), color=_colour()
        ),
        _marks(bars),
    ]
    return alt.layer(*layers).resolve_scale(y="shared", color="shared")


def _view() -> alt.Chart:
    """Return an invisible layer: a frame that no layer uses would not be sent to the scale."""
    return alt.Chart(alt.NamedData(VIEW)).mark_point(opacity=0).encode(y=_price("high"))


def _band(rows: alt.Chart, begin: str, end: str) -> list[alt.Chart]:
    """Return the bands and the median of forecasts as they were made."""
    return [
        rows.mark_rect(color=theme.FORECAST, opacity=0.2).encode(
            x=time_x(begin), x2=f"{end}:T", y=_price("q05"), y2="q95:Q"
        ),
        rows.mark_rect(color=theme.FORECAST, opacity=0.32).encode(
            x=time_x(begin), x2=f"{end}:T", y=_price("q25"), y2="q75:Q"
        ),
        rows.mark_rule(color=theme.FORECAST, strokeWidth=2).encode(
            x=time_x(begin), x2=f"{end}:T", y=_price("q50")
        ),
    ]


def _fan() -> list[alt.Chart]:
    """Return the next hour's forecast, widening from the last close."""
    rows = alt.Chart(alt.NamedData(FAN))
    return [
        rows.mark_area(color=theme.FORECAST, opacity=0.22).encode(
            x=time_x("begin"), y=_price("q05"), y2="q95:Q"
        ),
        rows.mark_area(color=theme.FORECAST, opacity=0.38).encode(
            x=time_x("begin"), y=_price("q25"), y2="q75:Q"
        ),
        rows.mark_line(color=theme.FORECAST, strokeWidth=2).encode(
            x=time_x("begin"), y=_price("q50")
        ),
    ]


def _lines(look: Look) -> list[alt.Chart]:
    """Return the indicators that lie over the prices."""
    lines = []
    for name, column in (
        ("Bollinger", "bollinger_low"),
        ("Bollinger", "bollinger_high"),
        ("SMA", "sma"),
        ("EMA", "ema"),
        ("VWAP", "vwap"),
    ):
        if name in look.indicators:
            colour, dash = theme.INDICATORS[name]
            lines.append(
                _bars(look)
                .mark_line(color=colour, strokeWidth=1.6, strokeDash=list(dash))
                .encode(x=time_x("middle"), y=_price(column))
            )
    return lines


def _marks(bars: alt.Chart) -> alt.Chart:
    """Return the signs above bars that a viewer should look at twice."""
    return (
        bars.transform_filter(alt.FieldOneOfPredicate(field="state", oneOf=list(MARKED)))
        .mark_point(yOffset=-14, size=75, filled=True, color=theme.HOLE, opacity=1)
        .encode(
            x=time_x("middle"),
            y=_price("high"),
            shape=alt.Shape(
                "state:N",
                scale=alt.Scale(domain=list(MARKED), range=list(MARKS)),
                legend=None,
            ),
        )
    )


def _hover(look: Look) -> alt.Chart:
    """Return an invisible column per bar that carries the tooltip, and the zoom."""
    shown = {
        "Open": "open",
        "High": "high",
        "Low": "low",
        "Close": "close",
        f"SMA {look.period}": "sma",
        f"EMA {look.period}": "ema",
        "Lower band": "bollinger_low",
        "Upper band": "bollinger_high",
        "VWAP": "vwap",
    }
    wanted = {column: name for name, columns in COLUMNS.items() for column in columns}
    chart = _bars(look)
    tips = [alt.Tooltip("Bar:N", title=look.bars), alt.Tooltip("State:N")]
    for title, column in shown.items():
        if wanted.get(column, title) in (title, *look.indicators):
            chart = chart.transform_calculate(**{f"_{column}": _number(column, look.decimals)})
            tips.append(alt.Tooltip(f"_{column}:N", title=title))
    if "RSI" in look.indicators:
        chart = chart.transform_calculate(_rsi=_number("rsi", 1))
        tips.append(alt.Tooltip("_rsi:N", title=f"RSI {RSI_BARS}"))
    chart = chart.transform_calculate(
        _volume="isValid(datum.volume) ? format(datum.volume, '.4~s') : '–'"
    )
    tips += [alt.Tooltip("_volume:N", title="Volume"), alt.Tooltip("Forecast:N")]
    return (
        chart.mark_rect(opacity=0)
        .encode(x=time_x("begin"), x2="end:T", tooltip=tips)
        .add_params(zoom(look.zoomed))
    )


def _number(column: str, decimals: int) -> str:
    form = f"format(datum.{column}, ',.{decimals}f')"
    return f"isValid(datum.{column}) ? {form} : '–'"
