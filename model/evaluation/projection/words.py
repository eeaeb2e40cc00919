"""The words and tables of the projection's section. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from model.evaluation.projection.scores import FAN, PAPER, WALK
from model.evaluation.projection.section import verdict
from model.evaluation.significance import DRAWS
from model.evaluation.tables import NONE, Table, number, percent, signed_percent

TITLE = "The long projection"
CAUTION = (
    "Scenarios, not a forecast of direction: the fan says how far the price may be, never which way. Its "
    "median is the last close on every day, by construction, and half the price is as likely as twice the price."
)

DEFINITIONS = (
    (
        "drift",
        "the log-price has none: each simulated path counts twice, once with all its moves turned round. So the "
        "median is the last close; the mean of the price lies above it, the more the wilder the coin.",
    ),
    (
        "random walk",
        "the last close × exp(z σ √h), z the normal quantile, σ² the exponential average of squared daily "
        "log-returns with 0.94 (RiskMetrics 1996).",
    ),
    (
        "paper",
        "the seed paper's level LSTM on daily closes, fed with its own output; fitted at most once a year. A warning.",
    ),
    (
        "pinball skill",
        "1 - Σ L / Σ L of the random walk over coins; L is a coin's mean pinball loss of returns over the five "
        "quantiles, divided by its mean |return|, on the same origins.",
    ),
    (
        "[95 %]",
        f"percentile bootstrap of blocks of origins with all their coins, each as long as the windows overlap, {DRAWS} draws.",
    ),
    (
        "windows",
        "how many can be laid one after the other without overlap; coins move together, so more coins are not "
        "more windows.",
    ),
)


def summary(section: Mapping[str, Any]) -> list[str]:
    """Return the paragraphs that a reader in a hurry needs."""
    span, made = section["range"], section["made_of"]
    told = [
        CAUTION,
        f"{span['origins']} midnights from {span['first_origin']} to {span['last_origin']}, one in {span['step_days']} days, "
        f"{span['horizon_days']} days ahead; coins {', '.join(span['coins'])}"
        f"{_apart(span['stable_coins'])}; {made['paths']} paths and their mirror images, seed {made['seed']}.",
    ]
    short = [coin for coin, methods in span["methods"].items() if "short history" in methods]
    if short:
        told.append(f"With less than a year of their own at some origin: {', '.join(short)}.")
    none = [coin for coin, count in span["origins_per_coin"].items() if not count]
    if none:
        told.append(f"Without a fan at any origin: {', '.join(none)}.")
    if not section["horizons"]:
        told.append("Nothing of what was projected has come yet, so that there are no scores.")
    return told


def tables(section: Mapping[str, Any]) -> list[Table]:
    """Return the tables in reading order; those without a row are left out."""
    made = [
        _horizons(section),
        _per_coin(section, "The fan's pinball skill, per coin", "pinball_skill", signed_percent),
        _per_coin(section, "Inside the fan's 90 % band, per coin", "coverage_90", percent),
        _per_coin(section, "Inside the fan's 50 % band, per coin", "coverage_50", percent),
        _errors(section),
        _stable(section),
    ]
    return [table for table in made if table.rows]


def _horizons(section: Mapping[str, Any]) -> Table:
    rows = [
        (
            str(one["horizon_days"]),
            verdict(one),
            str(one["rows"]),
            str(one["windows"]),
            f"{signed_percent(one[FAN]['pinball_skill'])} {_interval(one[FAN]['pinball_skill_interval'])}",
            percent(one[FAN]["coverage_50"]),
            percent(one[FAN]["coverage_90"]),
            percent(one[WALK]["coverage_50"]),
            percent(one[WALK]["coverage_90"]),
            number(one[FAN]["width_90"], 3),
        )
        for one in section["horizons"]
    ]
    header = (
        "days ahead",
        "verdict",
        "rows",
        "windows",
        "pinball skill [95 %]",
        "inside 50 %",
        "inside 90 %",
        "random walk's 50 %",
        "random walk's 90 %",
        "width / random walk's",
    )
    note = (
        "All volatile coins together. Farther than 30 days history holds too few windows that do not overlap "
        "to judge by; what few there were is shown."
    )
    return Table("The fan beside a random walk, by days ahead", header, tuple(rows), note)


def _per_coin(section: Mapping[str, Any], title: str, key: str, text: Any) -> Table:
    horizons = section["horizons"]
    coins = list(dict.fromkeys(coin for one in horizons for coin in one["by_coin"]))
    rows = [
        (
            coin,
            str(section["range"]["origins_per_coin"][coin]),
            *(text(one["by_coin"].get(coin, {}).get(key)) for one in horizons),
        )
        for coin in coins
    ]
    header = ("coin", "origins", *(f"{one['horizon_days']} d" for one in horizons))
    return Table(title, header, tuple(rows))


def _errors(section: Mapping[str, Any]) -> Table:
    """Return the median's error beside that of the paper's model, pooled and by coin."""
    horizons = section["horizons"]
    coins = list(dict.fromkeys(coin for one in horizons for coin in one["by_coin"]))
    rows = [("all", *(_error(one[FAN], one[PAPER]) for one in horizons))] if horizons else []
    for coin in coins:
        parts = [one["by_coin"].get(coin) for one in horizons]
        rows.append(
            (coin, *(NONE if part is None else _error(part, part[PAPER]) for part in parts))
        )
    header = ("coin", *(f"{one['horizon_days']} d" for one in horizons))
    note = (
        "Mean |error| of the median in percent of the last close, × the same of the last close; then the paper's "
        "iterated LSTM. The fan's factor is 1 by construction: it has no view of direction. A factor above 1 is a "
        "forecast that would have been better left out."
    )
    return Table("Error of the median, beside the paper's model", header, tuple(rows), note)


def _error(fan: Mapping[str, Any], paper: Mapping[str, Any] | None) -> str:
    own = f"{percent(fan['mae'])} × {number(fan['rmae'], 3)}"
    return own if paper is None else f"{own}; paper × {number(paper['rmae'], 2)}"


def _stable(section: Mapping[str, Any]) -> Table:
    rows = [
        (
            coin,
            str(one["horizon_days"]),
            str(part["rows"]),
            signed_percent(part["pinball_skill"]),
            percent(part["coverage_50"]),
            percent(part["coverage_90"]),
            number(part["rmae"], 3),
        )
        for one in section["stable"]
        for coin, part in one["by_coin"].items()
    ]
    header = ("coin", "days ahead", "rows", "pinball skill", "inside 50 %", "inside 90 %", "rMAE")
    note = (
        "Back to the peg, within what was seen: nothing is said about a peg that breaks for good."
    )
    return Table("Stable coins, by the rule of the peg", header, tuple(rows), note)


def _interval(ends: Any) -> str:
    return f"[{', '.join(signed_percent(end) for end in ends)}]"


def _apart(stable: list[str]) -> str:
    return f", and {', '.join(stable)} apart" if stable else ""
