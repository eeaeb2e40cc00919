"""The tables of a report, as text cells, from the values of `report.json`. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.evaluation.outcomes import BASELINE
from model.evaluation.scores import DM_THRESHOLD

NONE = "–"

Report = Mapping[str, Any]


@dataclass(frozen=True)
class Table:
    """Cells to be set in Markdown or HTML.

    Attributes:
        title: of the section.
        header: first the name of the rows.
        rows: as wide as the header.
        note: what the reader has to know; may be empty.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def number(value: float | None, digits: int = 4) -> str:
    """Return a number as text, a dash for none."""
    if value is None or not math.isfinite(value):
        return NONE
    return f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share in [0, 1] as percent, a dash for none."""
    return NONE if value is None or not math.isfinite(value) else f"{100 * value:.{digits}f} %"


def signed_percent(value: float | None) -> str:
    """Return a skill as percent with its sign, a dash for none."""
    return NONE if value is None or not math.isfinite(value) else f"{100 * value:+.2f} %"


def price(value: float | None) -> str:
    """Return an error in quote units with five digits, a dash for none."""
    return NONE if value is None or not math.isfinite(value) else f"{value:.5g}"


SEED_FIGURES: Mapping[str, Callable[[float | None], str]] = {
    "rmae": number,
    "da": lambda value: percent(value, 2),
    "ic": number,
    "pinball_skill": signed_percent,
    "dm_t": lambda value: number(value, 1),
    "coverage_90": lambda value: percent(value, 2),
    "width_90": number,
}


def ranked(report: Report) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the models and their figures, the least rMAE first."""
    models = report["models"].items()
    return sorted(models, key=lambda item: (_or_last(item[1]["rmae"]), item[0]))


def verdict(model: str, figures: Mapping[str, Any]) -> str:
    """Say in words whether a model is worth anything."""
    if model == BASELINE:
        return "the last price itself"
    return (
        "**better than the last price**"
        if figures["is_better"]
        else "no better than the last price"
    )


def all_tables(report: Report) -> list[Table]:
    """Return the tables in reading order; those without a row are left out."""
    tables = [
        league(report),
        errors(report),
        seeds(report),
        periods(report, "by_quarter", "rMAE by quarter"),
        periods(report, "by_month", "rMAE by month"),
        confidence(report),
        conditions(report),
        per_coin(report),
        coverage_per_coin(report),
        stable(report),
        costs(report),
    ]
    return [table for table in tables if table.rows]


def league(report: Report) -> Table:
    """Return the table that answers which model is better than the last price."""
    rows = [
        (
            model,
            verdict(model, values),
            f"{number(values['rmae'])} {_interval(values['rmae_interval'], number)}",
            f"{percent(values['da'], 2)} {_interval(values['da_interval'], percent)}",
            signed_percent(values["pinball_skill"]),
            number(values["dm_t"], 1),
            percent(values["coverage_90"]),
            percent(values["coin_months_inside"]),
            number(values["width_90"], 3),
            f"{values['months_won']} of {values['months']}",
            f"{number(values['worst_quarter']['rmae'])} ({values['worst_quarter']['quarter'] or NONE})",
            f"{values['coins_won']} of {values['coins']}",
        )
        for model, values in ranked(report)
    ]
    header = (
        "model",
        "verdict",
        "rMAE [95 %]",
        "direction right [95 %]",
        "pinball skill",
        "DM t",
        "inside 90 % band",
        "coin-months 88-92.2 %",
        "width / naive's",
        "months won",
        "worst quarter",
        "coins won",
    )
    note = (
        f'"No better" is said where rMAE is 1 or more, or the Diebold-Mariano t below {DM_THRESHOLD:g}. '
        "Won is rMAE below 1."
    )
    return Table("League table", header, tuple(rows), note)


def errors(report: Report) -> Table:
    """Return the errors of the median in the common measures."""
    rows = [
        (
            model,
            number(values["rmae_pooled"]),
            number(values["mape"]) + " %",
            price(values["mae"]),
            price(values["rmse"]),
            number(values["rmse_ratio"]),
            number(values["nrmse"], 5),
            number(values["pearson_r"]),
            number(values["ic"]),
            number(values["dm_t_pinball"], 1),
            percent(values["coverage_50"]),
            str(values["crossings"]),
            percent(values["refused"]["share"], 2),
        )
        for model, values in ranked(report)
    ]
    header = (
        "model",
        "rMAE pooled",
        "MAPE",
        "MAE",
        "RMSE",
        "RMSE / naive's",
        "NRMSE",
        "r of returns",
        "IC",
        "DM t of pinball",
        "inside 50 % band",
        "crossed rows",
        "refused",
    )
    note = "MAE and RMSE are means over coins in quote units, so the dearest coin decides them: compare coin by coin."
    return Table("Errors", header, tuple(rows), note)


def seeds(report: Report) -> Table:
    """Return mean ± standard deviation over seeds of the models that have several."""
    rows = []
    for model, values in ranked(report):
        summary = values["seeds"]["summary"]
        if summary:
            cells = [
                f"{text(summary[name]['mean'])} ± {text(summary[name]['sd']).lstrip('+')}"
                for name, text in SEED_FIGURES.items()
            ]
            rows.append((model, str(values["seeds"]["count"]), *cells))
    header = ("model", "seeds", "rMAE", "direction", "IC", "pinball skill", "DM t", "90 %", "width")
    note = "Each seed alone; the league table has the mean of their forecasts."
    return Table("Over seeds, mean ± standard deviation", header, tuple(rows), note)


def periods(report: Report, key: str, title: str) -> Table:
    """Return rMAE by month or quarter, one column per model."""
    models = ranked(report)
    labels = list(models[0][1][key])
    rows = [
        (label, *(number(values[key][label]["rmae"]) for _, values in models)) for label in labels
    ]
    return Table(title, ("UTC", *(model for model, _ in models)), tuple(rows))


def confidence(report: Report) -> Table:
    """Return directional accuracy by decile of confidence."""
    rows = [
        (model, *(percent(decile["da"]) for decile in values["da_by_confidence"]))
        for model, values in ranked(report)
        if model != BASELINE
    ]
    header = ("model", *(str(decile) for decile in range(1, 11)))
    note = (
        "Decile 10 holds the most confident tenth; equally confident rows are all in their lowest."
    )
    return Table("Direction right, by decile of confidence", header, tuple(rows), note)


def conditions(report: Report) -> Table:
    """Return pooled rMAE with its DM t by condition, one column per model.

    Reports that were written before there were conditions have no rows of it.
    """
    models = [(model, values) for model, values in ranked(report) if model != BASELINE]
    rows = [
        (
            f"{condition}: {name}",
            str(figures["rows"]),
            *(_edge(values["by_condition"][condition][name]) for _, values in models),
        )
        for condition, classes in report["models"][BASELINE].get("by_condition", {}).items()
        for name, figures in classes.items()
    ]
    header = ("known in advance", "rows", *(model for model, _ in models))
    note = (
        "rMAE pooled over the rows, in brackets the Diebold-Mariano t. Volatility is ranked within a coin, the last "
        "hour's move in EWMA band widths over all rows; tick is the step of the month's closes in hourly volatilities."
    )
    return Table("Where the edge is", header, tuple(rows), note)


def per_coin(report: Report) -> Table:
    """Return rMAE per coin, one column per model, with the baseline's MAE beside."""
    models = ranked(report)
    naive = report["models"][BASELINE]["by_coin"]
    rows = [
        (
            coin,
            str(naive[coin]["rows"]),
            price(naive[coin]["mae"]),
            *(number(values["by_coin"][coin]["rmae"]) for _, values in models),
        )
        for coin in naive
    ]
    header = ("coin", "rows", "naive's MAE", *(model for model, _ in models))
    return Table("rMAE per coin", header, tuple(rows))


def coverage_per_coin(report: Report) -> Table:
    """Return the coverage of the 90 % band per coin, with the range over its months."""
    models = ranked(report)
    rows = [
        (coin, *(_coverage(values["by_coin"][coin]) for _, values in models))
        for coin in report["models"][BASELINE]["by_coin"]
    ]
    header = ("coin", *(model for model, _ in models))
    note = "In brackets the lowest and the highest month; months of fewer than 360 rows are left out. Each month is in report.json."
    return Table("Inside the 90 % band, per coin", header, tuple(rows), note)


def stable(report: Report) -> Table:
    """Return the stable coins, which are in no other table."""
    rows = [
        (
            coin,
            model,
            price(values["mae"]),
            number(values["rmae"]),
            percent(values["coverage_50"]),
            percent(values["coverage_90"]),
            number(values["width_90"], 3),
            percent(values["refused"], 2),
        )
        for model, coins in report["stable"].items()
        for coin, values in coins.items()
    ]
    header = ("coin", "model", "MAE", "rMAE", "inside 50 %", "inside 90 %", "width", "refused")
    note = "A stable coin moves by single ticks or not at all: percentages and direction mean nothing there."
    return Table("Stable coins, in no other table", header, tuple(rows), note)


def costs(report: Report) -> Table:
    """Return fit time, scoring time and memory per model."""
    rows = [
        (
            model,
            str(cost["runs"]),
            str(cost["refits"]),
            number(cost["fit_s"], 1),
            number(cost["score_s"], 1),
            str(cost["peak_mib"]),
        )
        for model, values in ranked(report)
        if (cost := values["cost"]) is not None
    ]
    header = ("model", "seeds", "fits", "fitting s", "scoring s", "peak MiB")
    return Table("What it took, all seeds together", header, tuple(rows))


def _coverage(figures: Mapping[str, Any]) -> str:
    monthly = [value for value in figures["coverage_90_by_month"].values() if value is not None]
    span = f" [{percent(min(monthly))}, {percent(max(monthly))}]" if monthly else ""
    return percent(figures["coverage_90"], 2) + span


def _edge(figures: Mapping[str, Any]) -> str:
    return f"{number(figures['rmae_pooled'])} ({number(figures['dm_t'], 1)})"


def _interval(ends: Sequence[float | None], text: Callable[[float | None], str]) -> str:
    return f"[{text(ends[0])}, {text(ends[1])}]"


def _or_last(value: float | None) -> float:
    return math.inf if value is None or not math.isfinite(value) else value
