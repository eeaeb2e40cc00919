"""The words of a report, and the report in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from model.evaluation.band_scores import MIN_COIN_MONTH_ROWS
from model.evaluation.outcomes import BASELINE
from model.evaluation.projection import words
from model.evaluation.scores import DM_THRESHOLD
from model.evaluation.significance import DRAWS, LAGS
from model.evaluation.tables import Table, all_tables, percent, ranked

TITLE = "Evaluation: the next hour's close"
PROJECTION = "projection"  # the section's name in `report.json`

DEFINITIONS = (
    ("rMAE", "MAE / MAE of the last close on the same rows, in price, mean over coins."),
    ("rMAE pooled", "Σ |error| / last close, over all rows, beside the same of the last close."),
    ("direction right", "share of rows whose sign was right; a tie counts one half."),
    (
        "confidence",
        "|predicted return| / relative width of the baseline's 90 % band.",
    ),
    (
        "pinball skill",
        "1 - Σ L / Σ L of the EWMA bands over coins; L is a coin's mean pinball loss of returns over "
        "the five quantiles, divided by its mean |return| (Koenker and Bassett 1978; Gneiting and "
        "Raftery 2007).",
    ),
    (
        "DM t",
        "Diebold-Mariano t of the loss difference to the baseline, mean over the coins of each hour, "
        f"in EWMA band widths; Newey-West variance with {LAGS} lags. Above 0 the model is better.",
    ),
    (
        "[95 %]",
        f"percentile bootstrap of whole weeks with all their coins, {DRAWS} draws.",
    ),
    ("NRMSE", "RMSE / mean close, mean over coins."),
    ("r of returns", "Pearson's r of predicted and actual returns, mean over coins."),
    ("IC", "Spearman's rank correlation of both in EWMA band widths, over all rows."),
    (
        "months and quarters",
        "of the hour whose close was the last one known, UTC; a coin with less than half the rows "
        "of the fullest one is left out of a period.",
    ),
    (
        "coin-months 88-92.2 %",
        f"share of coin-months with that coverage of the 90 % band, of those with {MIN_COIN_MONTH_ROWS} rows.",
    ),
)


def render_markdown(report: Mapping[str, Any]) -> str:
    """Return `report.md`.

    Args:
        report: the value of `report.json`: the next hour's close, the projection, or both.
    """
    parts = _hourly(report) if "models" in report else ["# Evaluation"]
    if PROJECTION in report:
        parts += _projection(report[PROJECTION])
    return "\n\n".join(parts) + "\n"


def _hourly(report: Mapping[str, Any]) -> list[str]:
    parts = [f"# {TITLE}", *summary(report)]
    if report["warnings"]:
        parts += ["## Warnings", "\n".join(f"- **{text}**" for text in report["warnings"])]
    parts += _tables(all_tables(report), "##")
    return [*parts, "## How the figures are made", _definitions(DEFINITIONS)]


def _projection(section: Mapping[str, Any]) -> list[str]:
    parts = [f"## {words.TITLE}", *words.summary(section)]
    parts += _tables(words.tables(section), "###")
    return [*parts, "### How these figures are made", _definitions(words.DEFINITIONS)]


def _tables(tables: Sequence[Table], level: str) -> list[str]:
    parts = []
    for table in tables:
        parts += [f"{level} {table.title}", _table(table)]
        parts += [table.note] if table.note else []
    return parts


def _definitions(definitions: Sequence[tuple[str, str]]) -> str:
    return "\n".join(f"- {name}: {text}" for name, text in definitions)


def summary(report: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs that a reader in a hurry needs."""
    span, tried = report["range"], report["configurations_tried"]
    better = [model for model, figures in ranked(report) if figures["is_better"]]
    others = [model for model, _ in ranked(report) if model not in better and model != BASELINE]
    told = [
        f"Hours that open from {_minute(span['first_open_time'])} to {_minute(span['last_open_time'])} UTC: "
        f"{span['hours']} hours, {span['rows_per_model']} forecasts per model, coins {', '.join(span['coins'])}"
        f"{_apart(span['stable_coins'])}."
    ]
    if better:
        told.append(
            f"Better than the last price (rMAE below 1, DM t at least {DM_THRESHOLD:g}): {_listed(better)}."
        )
    if others:
        told.append(f"No better than the last price: {_listed(others)}.")
    if report["champion"] is not None:
        told.append(composed(report["champion"]))
    told.append(
        f"Configurations tried on these hours: {tried['count']}; the best of many looks better than it is. "
        "What is gained is in the median, the mean has no edge: not trading advice."
    )
    return told


def composed(champion: Mapping[str, Any]) -> str:
    """Return what the champion was made of, as a paragraph.

    Args:
        champion: the value under that name in `report.json`.
    """
    members, shrinkage, guarded = (champion[key] for key in ("members", "shrinkage", "guarded"))
    mean = "the equal-weight mean of" if len(members) > 1 else "made of"
    told = [f"`champion` is {mean} {_listed(members)}, each averaged over its seeds"]
    if shrinkage is not None:
        low, high = min(shrinkage), max(shrinkage)
        span = f"{low:g}" if low == high else f"{low:g} … {high:g}"
        told.append(f"its median times λ = {span}, chosen at each refit on validation")
    if guarded is not None:
        hours = ", ".join(f"{coin} {percent(share)}" for coin, share in guarded.items() if share)
        told.append(f"the last close where the guard said so ({hours or 'nowhere'})")
    if champion["is_calibrated"]:
        told.append("bands by adaptive conformal calibration, coin by coin")
    if guarded is not None or champion["is_calibrated"]:
        told.append(f"begun with {champion['seeded_from']} rows before the first test hour")
    flagged = {coin: hours for coin, hours in champion["depegged"].items() if hours}
    if flagged:
        hours = ", ".join(f"{coin} in {count} hours" for coin, count in flagged.items())
        told.append(f"depegged, with wider bands: {hours}")
    return "; ".join(told) + "."


def _minute(iso: str) -> str:
    return iso[:16].replace("T", " ")


def _apart(stable: Sequence[str]) -> str:
    return f", and {', '.join(stable)} apart" if stable else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(table: Table) -> str:
    lines = [table.header, tuple("---" for _ in table.header), *table.rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
