"""``python -m tests.browser.pictures``: the pictures of the docs, of the tests' seeded rows.

The rows hold one hour of each odd kind, so that the pictures show what each looks like.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from streamlit_app import probe
from tests.support import dashboard_data as data
from tests.support.dashboard_server import Running, running_dashboard
from tests.support.repeating import repeating

FOLDER = Path(__file__).parents[2] / "docs" / "images"
CHART = "[data-testid=stVegaLiteChart] canvas"
PRICE = '[data-symbol="USDCUSDT"] [data-field="price"]'
# Name: address, what to wait for, width, height, dark or light.
PICTURES = {
    "overview": ("", PRICE, 1280, 900, "light"),
    "coin": ("coin?symbol=ETHUSDT&range=1+day", CHART, 1280, 900, "light"),
    "quality": ("quality", CHART, 1280, 900, "light"),
    "analysis": ("analysis?symbol=ETHUSDT", CHART, 1280, 900, "dark"),
    "projection": ("projection?symbol=ETHUSDT", CHART, 1280, 760, "light"),
    "data": ("data", '[data-field="verdicts"]', 1280, 900, "light"),
    "system": ("system", '[data-field="feeds"]', 1280, 900, "light"),
    "phone": ("coin?symbol=ETHUSDT&range=1+day", CHART, 390, 844, "dark"),
}
DRAWN_MS = 2_500
"""Vega draws, and its fonts load, after the canvas is there."""

# Keeps the exchange's clock at 27 minutes past the hour, however long the pictures take.
_STILL = """
UPDATE candle SET updated_at = clock_timestamp() - interval '9 s' - (%(last)s - open_time) / 180
    WHERE status = 'final' AND open_time > %(last)s - interval '6 h';
UPDATE forecast SET written_at = clock_timestamp() - interval '9 s' - (%(last)s - as_of_open_time) / 180
    WHERE as_of_open_time > %(last)s - interval '6 h';
UPDATE candle SET updated_at = clock_timestamp() WHERE status = 'provisional';
UPDATE feed_status SET updated_at = clock_timestamp();
UPDATE job_status SET updated_at = clock_timestamp();
"""


@contextmanager
def _still(dashboard: Running) -> Iterator[None]:
    connection = dashboard.connect()
    last = data.LIVE_START + (data.LIVE_HOURS - 1) * data.HOUR

    def hold() -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(_STILL, {"last": last})

    with closing(connection), repeating(0.5, hold):
        yield


def main() -> None:
    """Write every picture."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_dashboard(Path(folder) / "streamlit.log", 1.0) as dashboard,
        _still(dashboard),
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(
            executable_path=probe.find_browser(), args=list(probe.BROWSER_FLAGS)
        )
        for name, (path, shown, width, height, scheme) in PICTURES.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page.goto(f"{dashboard.url}/{path}")
            page.wait_for_selector(shown)
            page.wait_for_timeout(DRAWN_MS)
            page.screenshot(path=str(FOLDER / f"{name}.png"))
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
