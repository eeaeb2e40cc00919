"""Looks at the dashboard as a viewer would: is it up, which closes and medians does it show?

Used by `make demo CHECK=1`. Streamlit sends its pages over a websocket, so the page itself is run by
Streamlit's own AppTest against the same tables (namespace and Postgres from the environment);
`screenshot` looks through a real browser where there is one.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import httpx

APP = Path(__file__).with_name("app.py")
SHOWN = ("close", "median", "refusal", "price")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER_FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class ProbeResult:
    """What the dashboard showed, each text as it stood on the page, by symbol.

    `closes` are of the newest final hour, opening at `close_hours`; `medians` are of the forecast
    for the hour that opens at `median_hours` (`YYYY-MM-DDTHH:MMZ`). `errors` are the exceptions
    and error boxes that a viewer would have met.
    """

    is_healthy: bool
    source: str | None
    has_note: bool
    closes: Mapping[str, str]
    close_hours: Mapping[str, str]
    medians: Mapping[str, str]
    median_hours: Mapping[str, str]
    refusals: Mapping[str, str]
    errors: tuple[str, ...]

    def is_complete(self, symbols: Sequence[str]) -> bool:
        """Tell whether each symbol's close and median were shown, source and note with them."""
        wanted = set(symbols)
        return (
            self.is_healthy
            and not self.errors
            and self.source is not None
            and self.has_note
            and wanted <= set(self.closes)
            and wanted <= set(self.medians)
        )


class _Fields(HTMLParser):
    """Collects the texts of elements with `data-field`, under the nearest `data-symbol`."""

    def __init__(self) -> None:
        super().__init__()
        self.symbol: str | None = None
        self.texts: dict[tuple[str | None, str], str] = {}
        self.hours: dict[tuple[str | None, str], str] = {}
        self._open: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = dict(attrs)
        self.symbol = fields.get("data-symbol") or self.symbol
        name = fields.get("data-field")
        if name:
            self.texts[self.symbol, name] = ""
            if hour := fields.get("data-hour"):
                self.hours[self.symbol, name] = hour
        self._open.append((tag, name))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass  # void elements have no end tag

    def handle_data(self, data: str) -> None:
        for _, name in self._open:
            if name:
                self.texts[self.symbol, name] += data


def read_fields(
    bodies: Sequence[str],
) -> tuple[dict[tuple[str | None, str], str], dict[tuple[str | None, str], str]]:
    """Return the texts and the hours of all marked fields of some HTML, by (symbol, field). Pure."""
    texts: dict[tuple[str | None, str], str] = {}
    hours: dict[tuple[str | None, str], str] = {}
    for body in bodies:
        parser = _Fields()
        parser.feed(body)
        texts |= parser.texts
        hours |= parser.hours
    return texts, hours


def probe(url: str, *, timeout_s: float = 30.0) -> ProbeResult:
    """Ask the running dashboard for its health and run its overview against the same tables.

    Args:
        url: where the dashboard listens, for example `http://127.0.0.1:8501`.
        timeout_s: wall seconds that the page may take.

    Raises:
        RuntimeError: if the page does not finish in time.
    """
    from streamlit.testing.v1 import AppTest  # heavy, and of no use to the dashboard itself

    page = AppTest.from_file(str(APP), default_timeout=timeout_s).run()
    bodies = [element.proto.body for element in page.get("html")]
    texts, hours = read_fields(bodies)
    by_field = {
        name: {symbol: text for (symbol, field), text in texts.items() if symbol and field == name}
        for name in SHOWN
    }
    by_hour = {
        name: {symbol: hour for (symbol, field), hour in hours.items() if symbol and field == name}
        for name in ("close", "median")
    }
    return ProbeResult(
        is_healthy=is_healthy(url),
        source=texts.get((None, "source")),
        has_note=bool(texts.get((None, "note"))),
        closes=by_field["close"],
        close_hours=by_hour["close"],
        medians=by_field["median"],
        median_hours=by_hour["median"],
        refusals=by_field["refusal"],
        errors=(
            *(str(element.message) for element in page.exception),
            *(str(element.value) for element in page.error),
        ),
    )


def is_healthy(url: str, timeout_s: float = 5.0) -> bool:
    """Tell whether the dashboard's server answers its health check."""
    try:
        response = httpx.get(f"{url.rstrip('/')}/_stcore/health", timeout=timeout_s)
    except httpx.HTTPError:
        return False
    return response.status_code == httpx.codes.OK


def find_browser() -> str | None:
    """Return the path of an installed Chromium, None where there is none."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def screenshot(url: str, path: Path, *, width: int = 1440, height: int = 1300) -> bool:
    """Save what a browser shows once the coins are there.

    Returns:
        False where there is no browser, or where it saw no coin in time: a picture is for people,
        `probe` is what checks.
    """
    browser_path = find_browser()
    if browser_path is None:
        return False
    try:
        from playwright.sync_api import Error, sync_playwright  # a development dependency
    except ImportError:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=list(BROWSER_FLAGS))
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(url)
            page.wait_for_selector('[data-field="price"]')
            page.wait_for_selector('[data-testid="stPageLink"] a')  # drawn last
            page.wait_for_load_state("networkidle")
            page.screenshot(path=str(path))
        except Error:
            return False
        finally:
            browser.close()
    return True
