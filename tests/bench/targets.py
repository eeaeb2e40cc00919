"""What a benchmark demands: a figure, its bounds and its goal."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel
from rich.console import Console


class Target(BaseModel):
    """One demand: what was measured, and what it ought to be."""

    name: str
    measured: float
    least: float | None = None
    most: float | None = None
    goal: float | None = None

    @property
    def is_met(self) -> bool:
        """Whether the figure lies within what is demanded."""
        low = self.least is None or self.measured >= self.least
        return low and (self.most is None or self.measured <= self.most)


def print_targets(targets: Iterable[Target], problems: Iterable[str], console: Console) -> None:
    """Print a line for each target and each problem."""
    for target in targets:
        bounds = [f"≥ {target.least:g}"] if target.least is not None else []
        bounds += [f"≤ {target.most:g}"] if target.most is not None else []
        bounds += [f"goal {target.goal:g}"] if target.goal is not None else []
        mark = "[green]✓[/green]" if target.is_met else "[red]✗[/red]"
        console.print(
            f"{mark} {target.name}: {target.measured:,.6g} ({', '.join(bounds)})", highlight=False
        )
    for line in problems:
        console.print(f"[red]✗[/red] {line}", highlight=False)
