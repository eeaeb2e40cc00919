from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation.plots import COLOURS, HEIGHT, TICKS, Axes, Band, Line, line_plot, nice_ticks

pytestmark = pytest.mark.unit

AXES = Axes([(0.0, "first"), (2.0, "last")], "loss", reference=1.0)


def line(y: list[float], name: str = "lstm", style: int = 0) -> Line:
    return Line(name, np.arange(len(y), dtype=float), np.array(y), style)


def drawn(svg: str, tag: str, kind: str | None = None) -> list[dict[str, str]]:
    found = ElementTree.fromstring(svg).iter(tag)
    return [one.attrib for one in found if kind is None or one.attrib.get("class") == kind]


def test_points_lie_where_their_values_are() -> None:
    path = drawn(line_plot([line([0.0, 2.0, 1.0])], AXES), "path", "line")[0]["d"]
    points = [tuple(map(float, pair.split())) for pair in re.findall(r"[ML]([\d. ]+)", path)]
    (x0, y0), (x1, y1), (x2, y2) = points
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert y1 < y2 < y0  # a picture's y grows downwards
    assert y0 - y2 == pytest.approx(y2 - y1, abs=0.2)


def test_an_unknown_value_interrupts_the_line() -> None:
    path = drawn(line_plot([line([0.0, 1.0, np.nan, 1.0, 2.0])], AXES), "path", "line")[0]["d"]
    assert re.sub(r"[\d. ]", "", path) == "MLML"


def test_points_may_stand_alone() -> None:
    axes = Axes([], "rMAE", is_joined=False)
    assert len(drawn(line_plot([line([0.9, np.nan, 1.1])], axes), "circle")) == 2


def test_reference_and_shade_are_inside_the_picture() -> None:
    svg = line_plot([line([5.0, 6.0])], Axes([], "%", reference=1.0, shaded=(0.0, 10.0)))
    (shade,) = drawn(svg, "rect", "fine")
    assert 0 < float(shade["y"]) < float(shade["y"]) + float(shade["height"]) < HEIGHT
    assert len(drawn(svg, "path", "reference")) == 1


def test_a_band_is_filled_between_its_ends_and_inside_the_picture() -> None:
    x = np.array([0.0, 1.0, 2.0])
    band = Band(x, np.array([1.0, 0.5, -9.0]), np.array([1.0, 2.0, 9.0]), 1)
    svg = line_plot([line([1.0, 1.0, 1.0])], AXES, [band])
    (polygon,) = drawn(svg, "polygon")
    points = [tuple(map(float, pair.split(","))) for pair in polygon["points"].split()]
    assert len(points) == 6
    assert points[0] == points[5]  # both ends are one price where the band begins
    assert points[2][0] == points[3][0]
    assert 0 < points[2][1] < points[3][1] < HEIGHT
    assert polygon["fill"] == COLOURS[1]


def test_lines_of_one_name_share_their_entry() -> None:
    svg = line_plot([line([1.0, 2.0], "path"), line([2.0, 1.0], "path"), line([1.0, 1.0])], AXES)
    assert len(drawn(svg, "path", "line")) == 3 + 2
    assert svg.count(">path</text>") == svg.count(">lstm</text>") == 1


def test_a_model_keeps_its_look_in_every_plot() -> None:
    alone = drawn(line_plot([line([1.0, 2.0], style=2)], AXES), "path", "line")
    both = [line([1.0, 2.0], style=len(COLOURS) + 2), line([1.0, 2.0], style=2)]
    together = drawn(line_plot(both, AXES), "path", "line")
    assert [path["stroke"] for path in alone] == [COLOURS[2]] * 2
    assert [path["stroke"] for path in together] == [COLOURS[2]] * 4
    dashes = [path["stroke-dasharray"] for path in together]
    assert dashes[0] == dashes[1] != dashes[2] == dashes[3] == ""


def test_a_long_legend_makes_the_picture_higher() -> None:
    lines = [line([1.0, 2.0], f"m{number}", number) for number in range(30)]
    assert float(drawn(line_plot(lines, AXES), "svg")[0]["viewBox"].split()[3]) > HEIGHT


def test_names_are_text() -> None:
    svg = line_plot([line([1.0, 2.0], "<b>&")], AXES)
    assert "<b>&" in "".join(ElementTree.fromstring(svg).itertext())


def test_nothing_known_is_no_picture() -> None:
    assert line_plot([], AXES) == ""
    assert line_plot([line([np.nan])], AXES) == ""


@pytest.mark.parametrize("y", [[1.0], [0.0, 0.0], [1.0, 1.0]])
def test_a_single_value_has_a_picture(y: list[float]) -> None:
    svg = line_plot([line(y)], Axes([], "flat"))
    assert "nan" not in svg
    assert drawn(svg, "path", "grid")


def test_ticks_are_round() -> None:
    assert nice_ticks(0.0, 1.2) == [
        (0.0, "0.0"), (0.2, "0.2"), (0.4, "0.4"), (pytest.approx(0.6), "0.6"), (0.8, "0.8"), (1.0, "1.0"), (pytest.approx(1.2), "1.2"),
    ]  # fmt: skip
    assert [label for _, label in nice_ticks(0.99012, 0.99018)] == [
        "0.99012", "0.99013", "0.99014", "0.99015", "0.99016", "0.99017", "0.99018",
    ]  # fmt: skip
    assert [label for _, label in nice_ticks(-7.0, 110.0)] == [
        "0", "20", "40", "60", "80", "100",
    ]  # fmt: skip


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_differ_and_are_in_range(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert 2 <= len(ticks) <= TICKS + 1
    assert len({label for _, label in ticks}) == len(ticks)
    slack = 1e-6 * span + 1e-9 * abs(low)
    assert all(low - slack <= value <= low + span + slack for value, _ in ticks)
