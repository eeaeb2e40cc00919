"""Rules that hold for the whole dashboard: one place for SQL, offline, colours that can be told apart."""

import importlib
import re
import sys
import tomllib
from pathlib import Path

import pytest

from streamlit_app import state, theme
from streamlit_app.probe import read_fields

pytestmark = pytest.mark.unit

PACKAGE = Path(theme.__file__).parent
QUERIES = PACKAGE / "queries"
CONFIG = PACKAGE.parent / ".streamlit" / "config.toml"
LIGHT_PAGE, DARK_PAGE = "#ffffff", "#1a1917"


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("page", [LIGHT_PAGE, DARK_PAGE])
@pytest.mark.parametrize(
    "colour",
    [
        *(theme.UP, theme.DOWN, theme.FORECAST, theme.HOLE, theme.GOOD, theme.WARN, theme.BAD),
        *(theme.RSI, *(colour for colour, _ in theme.INDICATORS.values())),
    ],
)
def test_marks_stand_out_on_both_pages(colour: str, page: str) -> None:
    darker, lighter = sorted((luminance(colour), luminance(page)))
    assert (lighter + 0.05) / (darker + 0.05) >= 3


def test_sql_is_in_one_place() -> None:
    statement = re.compile(r"\bSELECT\b.+\bFROM\b", re.DOTALL)
    found = {path for path in PACKAGE.rglob("*.py") if statement.search(path.read_text("utf-8"))}
    assert {path.parent for path in found} == {QUERIES}


def statements() -> dict[str, str]:
    """Return every whole statement of the query modules; pieces that others are made of are none."""
    found = {}
    for path in QUERIES.glob("*.py"):
        module = importlib.import_module(f"streamlit_app.queries.{path.stem}")
        for name, text in vars(module).items():
            is_constant = name.startswith("_") and name.isupper() and isinstance(text, str)
            if is_constant and re.match(r"\s*(SELECT|WITH)\b", text):
                found[f"{path.stem}.{name}"] = text
    return {
        name: text
        for name, text in found.items()
        if not any(text in other and text != other for other in found.values())
    }


def test_every_statement_is_bounded_and_reads_only() -> None:
    assert len(statements()) >= 30
    for name, text in statements().items():
        assert "LIMIT" in text, name
        assert not re.search(r"\b(INSERT|UPDATE|DELETE|DROP|ALTER|CREATE)\b", text), name


def test_nothing_is_told_or_fetched() -> None:
    config = tomllib.loads(CONFIG.read_text("utf-8"))
    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["headless"] is True
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8").replace("http://127.0.0.1:8501", "")
        assert not re.search(r"https?://", text), path


def test_no_module_shadows_the_standard_library() -> None:
    """Streamlit puts the folder of `app.py` at the head of the import path."""
    names = {path.stem for path in PACKAGE.glob("*.py")} | {
        path.name for path in PACKAGE.iterdir() if path.is_dir()
    }
    assert not names & set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", [None, "", "Mars/Olympus", "../../etc/passwd", "\0"])
def test_an_address_may_hold_any_zone(name: str | None) -> None:
    assert state.zone_named(name).key == "UTC"


def test_zones_are_offered_once_with_utc_and_the_browsers_first() -> None:
    choices = state.zone_choices("Europe/Berlin")
    assert choices[:2] == ["UTC", "Europe/Berlin"]
    assert len(choices) == len(set(choices))
    assert state.zone_choices("Mars/Olympus")[1] != "Mars/Olympus"


def test_fields_are_read_with_their_symbol_and_hour() -> None:
    body = (
        '<div data-symbol="A"><b data-field="close" data-hour="h1">1<i>.5</i></b><br>x</div>'
        '<div data-symbol="B"><b data-field="close">2</b></div>'
    )
    texts, hours = read_fields(["<b data-field='source'>live</b>", body])
    assert texts == {(None, "source"): "live", ("A", "close"): "1.5", ("B", "close"): "2"}
    assert hours == {("A", "close"): "h1"}
