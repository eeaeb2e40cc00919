"""`nexthour evaluate --horizon`: the long projection from each week's midnight, and what came."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from conf.model import ModelSettings
from local.errors import LocalError
from model.evaluation.hours import read_hours
from model.evaluation.projection.rows import projection_frame, write_rows
from model.evaluation.projection.scores import FAN
from model.evaluation.projection.section import make_section, verdict
from model.evaluation.projection.walk import (
    ProjectionError,
    make_projector,
    paper_years,
    plan_origins,
    walk,
    with_paper,
)
from model.evaluation.report_files import write_projection
from model.evaluation.tables import percent, signed_percent
from model.projection.days import make_days
from model.projection.settings import LONGEST_DAYS, ProjectionSettings
from nexthour.times import parse_time


def project(
    candles: Path, test_from: str, test_until: str, horizon: str, out: Path, console: Console
) -> None:
    """Project from each week's midnight, write rows and report, and say where.

    Args:
        candles: folder of hourly candles.
        test_from: first moment of an origin, as it was typed.
        test_until: last one.
        horizon: such as ``180d``.
        out: folder of the results.
        console: for people.

    Raises:
        LocalError: one line, if an option is wrong.
        HoursError: if the folder cannot be read.
        ProjectionError: if there is nothing to project.
        OSError: if `out` cannot be written.
    """
    settings = replace(ProjectionSettings(), horizon_days=horizon_days(horizon))
    from_ms = parse_time(test_from, "--test-from")
    until_ms = parse_time(test_until, "--test-until")
    hours = read_hours(candles)
    try:
        days = make_days(hours.panel, hours.symbols)
    except ValueError as error:
        message = f"--candles: {error}"
        raise LocalError(message) from error
    origins = plan_origins(days, from_ms, until_ms)
    projector = make_projector(days, settings)
    seed = ModelSettings().seed
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # it would tear the progress apart
    columns = (TextColumn(" {task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        fans = progress.add_task("fans", total=len(origins))
        years = progress.add_task("paper's model", total=len(paper_years(origins)))
        began = time.perf_counter()
        projected = walk(
            projector, origins, seed, lambda done: progress.update(fans, completed=done)
        )
        fanned = time.perf_counter()
        projected = with_paper(
            projected, days, seed, lambda done: progress.update(years, completed=done)
        )
        ended = time.perf_counter()
    rows = projection_frame(projected)
    if rows.empty:
        message = (
            f"no coin has {settings.min_days} days and the close of the day before at any origin: "
            "nothing was projected"
        )
        raise ProjectionError(message)
    write_rows(rows, out / "projection.parquet")
    section = make_section(projected, settings, seed)
    write_projection(section, out)
    _say(section, len(rows), out, console)
    console.print(f" fans {fanned - began:.0f} s, the paper's model {ended - fanned:.0f} s")


def horizon_days(text: str) -> int:
    """Return the days of a horizon such as ``180d``.

    Raises:
        LocalError: if it is none, or longer than can be projected.
    """
    found = re.fullmatch(r"([1-9]\d{0,3})d", text.strip())
    if found is None or int(found[1]) > LONGEST_DAYS:
        message = f"--horizon: {text!r} is not 1d … {LONGEST_DAYS}d"
        raise LocalError(message)
    return int(found[1])


def _say(section: Mapping[str, Any], rows: int, out: Path, console: Console) -> None:
    for one in section["horizons"]:
        skill = signed_percent(one[FAN]["pinball_skill"])
        console.print(
            f" {one['horizon_days']:>3} days ahead: pinball skill {skill}, "
            f"{percent(one[FAN]['coverage_90'])} inside the 90 % band; {verdict(one)}",
            soft_wrap=True,
        )
    console.print(
        f" {rows} rows from {section['range']['origins']} midnights; scenarios, no forecast of direction",
        soft_wrap=True,
    )
    console.print(f" {out / 'projection.parquet'}, {out / 'report.md'}", soft_wrap=True)
