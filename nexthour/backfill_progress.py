"""How a backfill shows on a terminal, and what it says of each symbol in the end."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from conf.symbol_changes import successor_hint
from streaming.history.backfill import Outcome

_SHOWN = 5


class ProgressBars:
    """A bar per symbol on a terminal; one line per finished symbol anywhere."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:<12}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("months"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> ProgressBars:
        """Show the bars."""
        self._bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take them away."""
        self._bars.stop()

    def begun(self, symbol: str, months: int) -> None:
        """Add a symbol's bar."""
        self._tasks[symbol] = self._bars.add_task(symbol, total=months)

    def month_done(self, symbol: str) -> None:
        """Move it on."""
        self._bars.advance(self._tasks[symbol])

    def ended(self, outcome: Outcome) -> None:
        """Replace it by a line."""
        self._bars.remove_task(self._tasks[outcome.symbol])
        for line in lines_of(outcome):
            self._console.print(line, soft_wrap=True, highlight=False, markup=False)


def lines_of(outcome: Outcome) -> list[str]:
    """Return what a person should know of a symbol's backfill, most important first."""
    parts = [f"{outcome.rows} hours in {outcome.chunks} chunks"]
    counts = {
        "months loaded before": outcome.skipped,
        "rows rejected (table history_rejection)": outcome.rejected,
        "rows repeated": outcome.repeated,
        "hours keep an own candle": outcome.own,
    }
    parts += [f"{count} {what}" for what, count in counts.items() if count]
    lines = [f" {outcome.symbol:<12} {', '.join(parts)}; file: {outcome.file_hours} hours"]
    if outcome.is_empty:
        lines.append(f" {outcome.symbol:<12} the source has nothing of it in these months")
    if outcome.holes:
        more = f" and {len(outcome.holes) - _SHOWN} more" if len(outcome.holes) > _SHOWN else ""
        shown = ", ".join(outcome.holes[:_SHOWN])
        lines.append(f" {outcome.symbol:<12} the source has nothing of {shown}{more}")
    lines += [f" {outcome.symbol:<12} refused: {reason}" for reason in outcome.refusals]
    if hint := successor_hint(outcome.symbol):
        lines.append(f" {outcome.symbol:<12} {hint}: two series, never spliced")
    return lines
