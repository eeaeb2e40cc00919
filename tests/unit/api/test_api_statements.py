"""Rules that hold for every statement and for the package."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import api
from api import queries
from api.documents.candles import CandleDocument
from api.documents.forecasts import ForecastDocument
from api.queries import candles, forecasts

pytestmark = pytest.mark.unit

PACKAGE = Path(api.__file__).parent
SQL = re.compile(r"\bSELECT\b.+\bFROM\b", re.DOTALL)


def statements() -> dict[str, str]:
    found = {}
    for module in pkgutil.iter_modules(queries.__path__):
        for name, text in vars(importlib.import_module(f"api.queries.{module.name}")).items():
            if name.isupper() and isinstance(text, str) and SQL.search(text):
                found[f"{module.name}.{name}"] = text
    return found


def test_sql_is_in_one_place() -> None:
    found = {
        path.parent.name
        for path in PACKAGE.rglob("*.py")
        if SQL.search(path.read_text("utf-8").split('"""', 2)[2])
    }
    assert found == {"queries"}


def test_no_statement_writes() -> None:
    assert len(statements()) > 20
    for name, text in statements().items():
        assert not re.search(r"\b(INSERT|UPDATE|DELETE|DROP|ALTER|CREATE|TRUNCATE)\b", text), name


def test_what_is_asked_of_postgres_is_bounded() -> None:
    parts = re.compile(
        r"_(WANTED|MADE|CLOSED|HOURS|HERE|CANDLES|FORECASTS|SERVED|LONGEST|RANGE|SUMS?)$"
    )
    for name, text in statements().items():
        if name == "candles._RANGE_KEYS":
            continue  # used only where the range has no more hours than a page
        if not parts.search(name) or name == "forecasts._FORECASTS":
            assert "LIMIT" in text, name


@pytest.mark.parametrize(
    ("columns", "document"),
    [(candles.COLUMNS, CandleDocument), (forecasts.COLUMNS, ForecastDocument)],
)
def test_columns_are_the_fields_of_the_document_in_its_order(
    columns: str, document: type[CandleDocument | ForecastDocument]
) -> None:
    names = [column.split(" AS ")[-1].strip() for column in columns.split(", ")]
    assert names == list(document.model_fields)


def test_nothing_is_fetched_from_elsewhere() -> None:
    for path in PACKAGE.rglob("*.py"):
        text = re.sub(r'f"http://\{settings\.host\}:\{port\}"', "", path.read_text("utf-8"))
        assert not re.search(r"https?://", text), path
