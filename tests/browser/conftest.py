"""One dashboard over a filled Postgres and one Chromium for all browser tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from streamlit_app import probe
from tests.support.dashboard_server import Running, running_dashboard
from tests.support.repeating import repeating

REFRESH_S = 1


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    log = tmp_path_factory.mktemp("browser") / "streamlit.log"
    with running_dashboard(log, REFRESH_S) as found:
        yield found


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    # Not longer: its event loop runs in this thread, and every later `asyncio.run` would fail.
    path = probe.find_browser()
    assert path, "no Chromium: install it (apt-get install chromium) or leave out `-m browser`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(probe.BROWSER_FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    found = chromium.new_page(viewport={"width": 1440, "height": 1300})
    found.set_default_timeout(30_000)
    yield found
    found.close()


@pytest.fixture
def fresh_rows(dashboard: Running) -> Iterator[None]:
    """Touch the running hours as a live run would, so that nothing turns stale meanwhile."""
    connection = dashboard.connect()

    def touch() -> None:
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE candle SET updated_at = clock_timestamp(), trades = trades + 1 "
                "WHERE status = 'provisional'"
            )
            cursor.execute("UPDATE feed_status SET updated_at = clock_timestamp()")
            cursor.execute("UPDATE job_status SET updated_at = clock_timestamp()")

    with closing(connection), repeating(REFRESH_S, touch):
        yield
