"""What all pages share: the header, the note, tables. Pure; every text is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from zoneinfo import ZoneInfo

from conf.exchange_time import freshness
from streamlit_app import formatting as f
from streamlit_app.records.run import RunState

HONESTY_NOTE = "Forecasts: median edge, mean about 0; not trading advice."


def header(state: RunState, zone: ZoneInfo) -> str:
    """Return the line on top of every page: source, exchange time, age of the data."""
    label = state.info.source_label if state.info else "unknown source"
    age = state.data_age
    heard = f"data {f.ago(age)}" if age is not None else "no data yet"
    return (
        '<div class="nh nh-head">'
        f'<span class="nh-source" data-field="source">{escape(label)}</span>'
        f'<span data-field="exchange-time">Exchange time {escape(_exchange_time(state, zone))}</span>'
        f'<span data-field="freshness"><span class="nh-dot {freshness(age)}"></span>{heard}</span>'
        "</div>"
    )


def _exchange_time(state: RunState, zone: ZoneInfo) -> str:
    now = state.exchange_now
    if now is not None:
        return f"≈ {f.both_times(now, zone)}"
    if freshness(state.data_age) == "stale" or state.newest_open_time is None:
        return "unknown: nothing new arrives"
    return f"in the hour from {f.both_times(state.newest_open_time, zone)}"


def note() -> str:
    """Return the note that stands wherever forecasts are shown."""
    return f'<p class="nh nh-note" data-field="note">{HONESTY_NOTE}</p>'


class Html(str):
    """Text that is HTML already; whoever makes one has escaped what came from outside."""

    __slots__ = ()


def dotted(level: str, words: str | Html) -> Html:
    """Return words behind a dot in the colour and shape of `level`: good, warn, bad, or nothing."""
    inside = words if isinstance(words, Html) else escape(words)
    return Html(f'<span class="nh-dot {level}"></span>{inside}')


def scrolled(inside: str) -> str:
    """Return a long table in a frame of its own that scrolls."""
    return f'<div class="nh-scroll">{inside}</div>'


def table(
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] = (),
    classes: Sequence[str] = (),
) -> str:
    """Return a table; `numbers` are the columns set to the right, the last column may wrap.

    Args:
        heads: titles of the columns.
        rows: texts, escaped unless they are `Html`.
        numbers: indexes of columns with numbers.
        classes: a class for each row, all or none.
    """

    def cell(tag: str, index: int, text: str) -> str:
        kind = "num" if index in numbers else "wide" if index == len(heads) - 1 else ""
        inside = text if isinstance(text, Html) else escape(text)
        return f'<{tag} class="{kind}">{inside}</{tag}>'

    def line(row: Sequence[str], kind: str) -> str:
        return f'<tr class="{kind}">{"".join(cell("td", at, text) for at, text in enumerate(row))}</tr>'

    head = "".join(cell("th", index, text) for index, text in enumerate(heads))
    body = "".join(map(line, rows, classes or [""] * len(rows)))
    return (
        f'<div class="nh nh-table" tabindex="0"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
