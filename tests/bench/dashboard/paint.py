"""How long a person waits in a browser that has never been here."""

from __future__ import annotations

from playwright.sync_api import Browser, sync_playwright

from streamlit_app import probe
from tests.bench.dashboard.report import Timing, timing
from tests.bench.dashboard.world import World

PAGES = {
    "overview": ("", '[data-symbol="USDCUSDT"] [data-field="price"]'),
    "coin, 90 days": (
        "coin?symbol=ETHUSDT&range=3+months",
        "[data-testid=stVegaLiteChart] canvas",
    ),
}
TIMEOUT_MS = 60_000
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? -1"
_NOW = "performance.now()"


class NoBrowserError(RuntimeError):
    """There is no Chromium. Operator action: install it (`apt-get install chromium`)."""


def paints(world: World, rounds: int) -> tuple[list[Timing], list[Timing]]:
    """Return times until the first paint, and until the page's data stand there.

    Raises:
        NoBrowserError: if there is no Chromium.
    """
    path = probe.find_browser()
    if path is None:
        message = "no Chromium: install it (apt-get install chromium)"
        raise NoBrowserError(message)
    first, whole = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(probe.BROWSER_FLAGS))
        for name, (page, shown) in PAGES.items():
            taken = [_visit(browser, f"{world.url}/{page}", shown) for _ in range(rounds + 1)][1:]
            first.append(timing(f"{name}: first paint", (paint / 1000 for paint, _ in taken)))
            whole.append(timing(f"{name}: data shown", (shown / 1000 for _, shown in taken)))
        browser.close()
    return first, whole


def _visit(browser: Browser, url: str, shown: str) -> tuple[float, float]:
    """Open a page in a context of its own; return ms until the first paint and until the data."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(url, wait_until="commit")
    page.wait_for_selector(shown, timeout=TIMEOUT_MS)
    times = float(page.evaluate(_PAINT)), float(page.evaluate(_NOW))
    context.close()
    return times
