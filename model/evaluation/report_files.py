"""The three files of a report, and what an earlier run of the other kind left in them.

The next hour's close and the long projection are evaluated apart but reported together: who comes
second keeps the section of who came first.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from model.evaluation.outcomes import BASELINE, Forecasts, only, pair, select
from model.evaluation.report_page import render_html
from model.evaluation.report_text import PROJECTION, render_markdown

FORMAT = 1


def write_files(report: Mapping[str, Any], forecasts: Mapping[str, Forecasts], out: Path) -> None:
    """Write `report.json`, `report.md` and `report.html`; files of the same names are replaced.

    Args:
        report: the value of `report.json`.
        forecasts: of its models over the volatile coins; empty if it has none.
        out: folder, made if it is absent.
    """
    out.mkdir(parents=True, exist_ok=True)
    text = json.dumps(report, indent=1, ensure_ascii=False, allow_nan=False)
    (out / "report.json").write_text(text + "\n", encoding="utf-8")
    (out / "report.md").write_text(render_markdown(report), encoding="utf-8")
    (out / "report.html").write_text(render_html(report, forecasts), encoding="utf-8")


def write_projection(section: Mapping[str, Any], out: Path) -> None:
    """Write the report with this section; that on the next hour's close is kept if it is there."""
    report, forecasts = _kept_hourly(out)
    write_files({**report, PROJECTION: plain(section)}, forecasts, out)


def kept_projection(out: Path) -> dict[str, Any]:
    """Return the section of the projection that a report in the folder has, under its name."""
    report = _read(out)
    return {PROJECTION: report[PROJECTION]} if PROJECTION in report else {}


def _kept_hourly(out: Path) -> tuple[dict[str, Any], dict[str, Forecasts]]:
    report = _read(out)
    predictions = out / "predictions.parquet"
    if "models" not in report or not predictions.exists():
        return {"format": FORMAT}, {}
    by_model = pair(pd.read_parquet(predictions))
    coins = report["range"]["coins"]
    outcomes = select(by_model[BASELINE].outcomes, coins)
    return report, {name: only(part, coins, outcomes) for name, part in by_model.items()}


def _read(out: Path) -> dict[str, Any]:
    """Return a report of this format; one that is none is replaced as if it were not there."""
    try:
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return report if isinstance(report, dict) and report.get("format") == FORMAT else {}


def plain(value: Any) -> Any:
    """Return plain types, None for what is no number."""
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
