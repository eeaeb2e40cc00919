"""The projection's section in the three report files, alone and beside the next hour's close."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conf.names import DAY_MS
from model.evaluation.predictions import write_predictions
from model.evaluation.projection import words
from model.evaluation.projection.page import plots
from model.evaluation.projection.section import make_section, verdict
from model.evaluation.projection.walk import plan_origins, walk
from model.evaluation.report import write_report
from model.evaluation.report_files import plain, write_projection
from model.projection.fan import Projector
from model.projection.settings import ProjectionSettings
from tests.support.evaluated import model_rows, naive_rows
from tests.support.projection_world import FIRST_DAY, world

pytestmark = pytest.mark.unit

SETTINGS = ProjectionSettings(horizon_days=40, paths=100, pool_days=300)


def section_from(first: int = 380) -> dict[str, Any]:
    days = world(days=500)
    origins = plan_origins(days, (FIRST_DAY + first) * DAY_MS, (FIRST_DAY + 600) * DAY_MS)
    return make_section(walk(Projector(days, SETTINGS), origins, 7), SETTINGS, 7)


@pytest.fixture(scope="module")
def section() -> dict[str, Any]:
    return section_from()


def test_the_section_is_plain_and_the_same_again(section: dict[str, Any]) -> None:
    text = json.dumps(plain(section), allow_nan=False)
    assert text == json.dumps(plain(section_from()), allow_nan=False)
    assert [one["horizon_days"] for one in section["horizons"]] == [1, 7, 30]
    assert [one["horizon_days"] for one in section["stable"]] == [1, 7, 30]
    assert section["range"]["origins"] == 18
    assert section["range"]["methods"]["SOLUSDT"] == ["short history"]
    assert [point["horizon_days"] for point in section["curve"]] == list(range(1, 41))


def test_fans_that_are_drawn_do_not_overlap(section: dict[str, Any]) -> None:
    drawn = section["drawn"]
    assert drawn["symbol"] == "BTCUSDT"
    starts = [np.datetime64(fan["origin"]) for fan in drawn["fans"]]
    assert all(np.diff(starts) >= np.timedelta64(40, "D"))
    assert len(starts) == 3
    assert drawn["fans"][-1]["origin"] == section["range"]["last_origin"]
    assert drawn["horizon_days"][-1] == 40
    assert {len(fan[name]) for fan in drawn["fans"] for name in ("q05", "q95", "actual")} == {14}


@pytest.mark.parametrize(
    ("is_judged", "skill", "told"),
    [
        (True, 0.0, "no worse than the random walk"),
        (True, -0.001, "WORSE than the random walk"),
        (False, 0.3, "not judged: 5 windows"),
    ],
)
def test_a_verdict_is_given_only_where_history_is_enough(
    is_judged: bool, skill: float, told: str
) -> None:
    figures = {"is_judged": is_judged, "windows": 5, "fan": {"pinball_skill": skill}}
    assert verdict(figures) == told


def test_the_report_of_a_projection_alone(section: dict[str, Any], tmp_path: Path) -> None:
    write_projection(section, tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert set(report) == {"format", "projection"}
    markdown = (tmp_path / "report.md").read_text()
    assert "## The long projection" in markdown
    assert words.CAUTION in markdown
    assert "With less than a year of their own at some origin: SOLUSDT." in markdown
    for table in words.tables(report["projection"]):
        assert f"### {table.title}" in markdown
        assert {len(row) for row in table.rows} == {len(table.header)}
    page = (tmp_path / "report.html").read_text()
    assert "<title>The long projection</title>" in page
    assert page.count("<svg") == len(plots(section)) == 4
    assert page.count("<polygon") == 2 * 3 + 2
    assert not re.findall(r"(?:src|href)=|<script|url\(", page)
    assert "nan" not in re.sub(r">[^<]*<", "", page)
    _Closed().feed(page)


def test_the_next_hours_report_is_kept_and_keeps_the_projection(
    section: dict[str, Any], tmp_path: Path
) -> None:
    """Whichever comes second in a folder, both are there, the same."""
    naive = naive_rows(200)
    frame = pd.concat([naive, model_rows(naive, "rule", width=1.1)], ignore_index=True)
    names = ("report.json", "report.md", "report.html")
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        write_predictions(frame, folder / "predictions.parquet")
    write_report(frame, [], first)
    alone = (first / "report.md").read_text()
    write_projection(section, first)
    write_projection(section, second)
    write_report(frame, [], second)
    for name in names:
        assert (first / name).read_text() == (second / name).read_text()
    assert (first / "report.md").read_text().startswith(alone.rstrip())
    write_report(frame, [], first)
    assert (first / "report.md").read_text() == (second / "report.md").read_text()


def test_what_is_no_report_is_replaced(section: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("[1]")
    write_projection(section, tmp_path)
    (tmp_path / "report.json").write_text("{")
    write_projection(section, tmp_path)
    assert "projection" in json.loads((tmp_path / "report.json").read_text())


def test_without_an_outcome_there_are_fans_and_no_scores() -> None:
    section = section_from(first=500)
    assert section["horizons"] == section["stable"] == section["curve"] == []
    assert words.tables(section) == []
    assert any(
        "Nothing of what was projected has come yet" in text for text in words.summary(section)
    )
    assert len(plots(plain(section))) == 2


class _Closed(HTMLParser):
    """Complains of a tag that is closed without being open."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "path", "rect", "circle", "polygon"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("path", "polygon", "rect", "circle"):
            return
        assert self.open.pop() == tag
