"""`var/reports/honesty.json` as typed models, and the table that is printed."""

from __future__ import annotations

from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

from nexthour.reports import Machine

MOST_WITH_SIGNAL = 1.0
LEAST_WITHOUT, MOST_WITHOUT = 0.999, 1.001
LEAST_SHUFFLED, MOST_SHUFFLED_T = 0.9995, 2.0


class Row(BaseModel):
    """One model on one market."""

    market: str = Field(description="signal, none or shuffled.")
    model: str
    rmae: float = Field(description="Mean |error| over that of the last close, volatile coins.")
    dm_t: float | None = Field(description="Diebold-Mariano t, positive where the model is better.")
    da: float = Field(description="Share of directions that were right, ties half.")
    is_met: bool
    wanted: str


class HonestyReport(BaseModel):
    """`python -m tests.honesty`: one run, one machine."""

    is_green: bool
    seed: int
    hours: int = Field(description="Of each market, ten coins.")
    test_hours: int
    rows: list[Row]
    machine: Machine


def judge(market: str, model: str, rmae: float, dm_t: float | None, da: float) -> Row:
    """Return a row with what was wanted of it. Pure.

    On a market with the real one's reversal a model must find it; on one without, and on one where it
    learned from dealt outcomes, there is nothing to find.
    """
    if market == "signal":
        wanted, is_met = f"rMAE < {MOST_WITH_SIGNAL:g}", rmae < MOST_WITH_SIGNAL
    elif market == "none":
        wanted = f"{LEAST_WITHOUT} ≤ rMAE ≤ {MOST_WITHOUT}"
        is_met = LEAST_WITHOUT <= rmae <= MOST_WITHOUT
    else:
        wanted = f"rMAE ≥ {LEAST_SHUFFLED}, t < {MOST_SHUFFLED_T:g}"
        is_met = rmae >= LEAST_SHUFFLED and (dm_t or 0.0) < MOST_SHUFFLED_T
    return Row(
        market=market, model=model, rmae=rmae, dm_t=dm_t, da=da, is_met=is_met, wanted=wanted
    )


def print_report(report: HonestyReport, console: Console) -> None:
    """Print every row with what was wanted."""
    title = f"{report.hours:,} hours of ten coins, the last {report.test_hours:,} scored"
    table = Table(title=title, title_justify="left")
    for name in ("market", "model", "rMAE", "t", "right direction", "wanted", ""):
        table.add_column(name, justify="right" if name in ("rMAE", "t") else "left")
    for row in report.rows:
        t = "" if row.dm_t is None else f"{row.dm_t:+.1f}"
        mark = "[green]✓[/green]" if row.is_met else "[red]✗[/red]"
        table.add_row(
            row.market, row.model, f"{row.rmae:.4f}", t, f"{row.da:.1%}", row.wanted, mark
        )
    console.print(table)
    console.print("[green]green[/green]" if report.is_green else "[red]red[/red]")
