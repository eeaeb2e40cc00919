"""What an hour or a bar is, in one word for its looks and in a sentence for its tooltip. Pure."""

from __future__ import annotations

from streamlit_app.records.market import BarRow

VERDICT_WORDS = {
    "complete": "complete: every trade is in it",
    "quiet": "quiet: nobody traded, flat at the last close",
    "partial": "partial: the series began or ended inside it",
    "disputed": "disputed: it does not agree with the exchange",
    "history": "history: the exchange's own candle",
    "hole": "hole: no candle (halted, or not repaired yet)",
    "waiting": "not final yet",
    "revised": "revised: changed after it was first final",
}
RUNNING_WORDS = "running: provisional"
AHEAD_WORDS = "ahead: not begun"


def bar_state(bar: BarRow | None) -> str:
    """Return the one word that decides how a bar is drawn; the gravest thing wins."""
    if bar is None:
        return "hole"
    if bar.is_running:
        return "running"
    for state, is_so in (
        ("disputed", bar.disputed > 0),
        ("incomplete", bar.hours < bar.expected),
        ("partial", bar.partial > 0),
        ("revised", bar.revised > 0),
        ("quiet", bar.quiet == bar.hours),
        ("history", bar.history == bar.hours),
    ):
        if is_so:
            return state
    return "complete"


def bar_words(bar: BarRow | None) -> str:
    """Return what a bar's tooltip says of it."""
    if bar is None:
        return VERDICT_WORDS["hole"]
    if bar.expected > 1:
        return _hours_words(bar)
    if bar.is_running:
        return RUNNING_WORDS
    words = VERDICT_WORDS[_verdict(bar)]
    if bar.reason:
        words += f" – {bar.reason}"
    if bar.revised:
        words += f"; {VERDICT_WORDS['revised']} (revision {bar.revision})"
    return words


def is_odd(bar: BarRow | None) -> bool:
    """Tell whether a bar is one to look at twice."""
    if bar is None:
        return True
    if bar.is_running:
        return bool(bar.disputed or bar.partial or bar.revised)
    is_quiet = bar.quiet > 0 and bar.expected == 1
    return is_quiet or bar_state(bar) in {"disputed", "incomplete", "partial", "revised"}


def _verdict(bar: BarRow) -> str:
    """Return the verdict of a bar of one closed hour."""
    counts = {
        "quiet": bar.quiet,
        "partial": bar.partial,
        "disputed": bar.disputed,
        "history": bar.history,
    }
    return next((name for name, count in counts.items() if count), "complete")


def _hours_words(bar: BarRow) -> str:
    parts = []
    if bar.is_running:
        parts.append(f"running: provisional, {_hours(bar.hours)} so far")
    elif bar.hours < bar.expected:
        missing = bar.expected - bar.hours
        parts.append(f"{bar.hours} of {bar.expected} hours: {missing} missing (a hole)")
    else:
        parts.append(f"all {bar.expected} hours")
    for count, name in (
        (bar.disputed, "disputed"),
        (bar.partial, "partial"),
        (bar.revised, "revised"),
        (bar.quiet, "quiet"),
        (bar.history, "from history"),
    ):
        if count:
            parts.append(f"{count} {name}")
    if bar.reason:
        parts.append(bar.reason)
    return "; ".join(parts)


def _hours(count: int) -> str:
    return "1 hour" if count == 1 else f"{count} hours"
