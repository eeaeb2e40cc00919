"""What the documents say must be so: examples, links, commands."""

import re
import subprocess
from pathlib import Path

import pytest

from nexthour.reports import DemoReport, ReplayReport
from tests.bench.api.report import ApiBench
from tests.bench.producers.report import ProducerBench
from tests.chaos.producers.report import ChaosReport

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]


def test_readme_shows_the_example_as_it_is():
    readme = (ROOT / "README.md").read_text()
    code = (ROOT / "examples" / "consume_kafka_python.py").read_text().rstrip()
    assert f"```python\n{code}\n```" in readme


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_the_consumers_page_shows_each_example_as_it_is(example):
    page = (ROOT / "docs" / "consumers.md").read_text()
    assert f"```python\n{example.read_text().rstrip()}\n```" in page


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_an_example_stays_short(example):
    text = example.read_text()
    body = text.split('"""')[2].splitlines()
    assert len([line for line in body if line.strip() and not line.startswith("#")]) <= 30
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = re.findall(r"\]\(([^)#]+)\)", document.read_text())
    broken = [
        link
        for link in links
        if not link.startswith("http") and not (document.parent / link).exists()
    ]
    assert broken == []


def test_commands_of_the_readme_exist():
    readme = (ROOT / "README.md").read_text()
    targets = set(re.findall(r"\bmake ([a-z-]+)", readme))
    shown = subprocess.run(
        ["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert targets <= set(re.findall(r"\x1b\[1m([a-z-]+)", shown))


@pytest.mark.parametrize("report", [DemoReport, ReplayReport, ChaosReport, ProducerBench, ApiBench])
def test_every_field_of_a_report_is_documented(report):
    text = (ROOT / "docs" / "reports.md").read_text()
    missing = [name for name in report.model_fields if f"`{name}`" not in text]
    assert missing == []
