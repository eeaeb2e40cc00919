from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest

from model.evaluation.report import write_report
from tests.support.evaluated import COINS, STABLE, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit

PLOTS = (
    "Gain on the last price, added up over time",
    "Inside the 90 % band, by month",
    "Direction right, by decile of confidence",
    "rMAE per coin",
)


def page(folder: Path, hours: int = 24 * 70, skip: int = 0, **shares: float) -> str:
    naive = naive_rows(hours, (*COINS, STABLE))
    naive = naive[naive.groupby("symbol").cumcount() >= skip].reset_index(drop=True)
    models = [
        model_rows(naive, name, share * true_returns(naive)) for name, share in shares.items()
    ]
    write_report(pd.concat([naive, *models]), [], folder)
    return (folder / "report.html").read_text(encoding="utf-8")


def tree(html: str) -> ElementTree.Element:
    well_formed = html.replace("<!doctype html>\n", "").replace('<meta charset="utf-8">', "")
    return ElementTree.fromstring(well_formed)


def legend(svg: ElementTree.Element, names: set[str]) -> list[str]:
    return [text.text or "" for text in svg.iter("text") if text.text in names]


def test_a_page_has_its_plots_inside_and_fetches_nothing(tmp_path: Path) -> None:
    html = page(tmp_path, good=0.01, bad=-0.01)
    body = tree(html)
    assert [plot for plot in PLOTS if f"<h2>{plot}</h2><svg" in html] == list(PLOTS)
    assert not list(body.iter("script")) + list(body.iter("link")) + list(body.iter("img"))
    assert "http" not in html
    assert "url(" not in html


def test_each_plot_names_its_models_and_naive_only_where_it_has_a_figure(tmp_path: Path) -> None:
    svgs = list(tree(page(tmp_path, good=0.01, bad=-0.01)).iter("svg"))
    named = [legend(svg, {"good", "bad", "naive"}) for svg in svgs]
    assert named == [["good", "bad"], ["good", "naive", "bad"], ["good", "bad"], ["good", "bad"]]


def test_gain_rises_for_the_better_and_falls_for_the_worse(tmp_path: Path) -> None:
    svg = next(tree(page(tmp_path, good=0.01, bad=-0.01)).iter("svg"))
    ends = {}
    for path in svg.iter("path"):
        title = path.find("title")
        if title is not None:
            points = path.attrib["d"][1:].split("L")
            ends[title.text] = float(points[0].split()[1]), float(points[-1].split()[1])
    assert ends["good"][1] < ends["good"][0] - 50
    assert ends["bad"][1] > ends["bad"][0] + 50


def test_a_model_far_off_is_in_the_tables_only(tmp_path: Path) -> None:
    html = page(tmp_path, good=0.01, paper=-3.0)
    svgs = list(tree(html).iter("svg"))
    assert [legend(svg, {"paper"}) for svg in svgs] == [[]] * 4
    assert "Not drawn, for an rMAE above 1.05: paper." in html
    assert "<td>paper</td><td>no better than the last price</td>" in html
    assert "Not drawn" not in page(tmp_path, good=0.01)


def test_the_baseline_alone_has_a_page(tmp_path: Path) -> None:
    svgs = list(tree(page(tmp_path, hours=30)).iter("svg"))
    assert [legend(svg, {"naive"}) for svg in svgs] == [["naive"]]


def test_time_has_few_labels(tmp_path: Path) -> None:
    svg = next(tree(page(tmp_path, hours=24 * 70, good=0.01)).iter("svg"))
    labels = [text.text for text in svg.iter("text") if (text.text or "").startswith("2024-")]
    assert labels == ["2024-07", "2024-08", "2024-09"]
    svg = next(tree(page(tmp_path, hours=24 * 93, skip=30, good=0.01)).iter("svg"))
    labels = [text.text for text in svg.iter("text") if (text.text or "").startswith("2024-")]
    assert labels == ["2024-08", "2024-09", "2024-10"]
    svg = next(tree(page(tmp_path, hours=24 * 30, good=0.01)).iter("svg"))
    days = [text.text for text in svg.iter("text") if (text.text or "").startswith("2024-")]
    assert days[:2] == ["2024-07-01", "2024-07-04"]
    assert len(days) == 10


def test_warnings_and_marks_are_set(tmp_path: Path) -> None:
    html = page(tmp_path, **{"a<b": 0.1})
    assert '<p class="warning">a&lt;b: directional accuracy' in html
    assert "<b>better than the last price</b>" in html
    assert "<code>a&lt;b</code>" in html
