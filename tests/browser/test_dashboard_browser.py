"""The dashboard as a person meets it: `streamlit run` over a filled Postgres, looked at in Chromium."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from streamlit_app import probe
from streamlit_app.markup.base import HONESTY_NOTE
from tests.support import dashboard_data as data
from tests.support.eventually import eventually

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
REFRESH_S = 1
CHART = "[data-testid=stVegaLiteChart] canvas"
TIME_AXIS = """chart => [...document.querySelectorAll(chart + ' .role-axis-label text')]
    .map(label => [label.textContent, label.getBoundingClientRect().x])
    .filter(([text]) => text.includes(':') || /[A-Z]/.test(text))
    .sort((one, other) => one[1] - other[1]).map(([text]) => text).join(' ')"""


@dataclass
class Running:
    """A dashboard, its database and where they are."""

    url: str
    postgres: PostgresSettings
    namespace: Namespace
    server: data.PostgresServer

    def connect(self) -> Connection:
        return connect(self.postgres, self.namespace)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def dashboard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    server = data.PostgresServer()
    postgres = server.start()
    namespace = data.filled_namespace(postgres, "browser")
    port = free_port()
    log = tmp_path_factory.mktemp("browser") / "streamlit.log"
    environment = {
        **os.environ,
        "NEXTHOUR_NAMESPACE": namespace.name,
        "NEXTHOUR_POSTGRES_URL": postgres.url.get_secret_value(),
        "NEXTHOUR_DASHBOARD_REFRESH_S": str(REFRESH_S),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", probe.APP, "--server.port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: probe.is_healthy(url), 60, message="the dashboard did not start")
        yield Running(url, postgres, namespace, server)
    finally:
        process.terminate()
        process.wait(20)
        server.remove()
    told = log.read_text("utf-8")
    assert "streamlit_app/" not in told, f"a page failed:\n{told}"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
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


def field(page: Page, symbol: str, name: str) -> str:
    return page.locator(f'[data-symbol="{symbol}"] [data-field="{name}"]').inner_text()


@pytest.fixture
def fresh_rows(dashboard: Running) -> Iterator[None]:
    """Touch the running hours as a live run would, so that nothing turns stale meanwhile."""
    stop = threading.Event()
    connection = dashboard.connect()

    def touch() -> None:
        while not stop.wait(REFRESH_S):
            with connection, connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE candle SET updated_at = clock_timestamp(), trades = trades + 1 "
                    "WHERE status = 'provisional'"
                )
                cursor.execute("UPDATE feed_status SET updated_at = clock_timestamp()")

    thread = threading.Thread(target=touch)
    thread.start()
    yield
    stop.set()
    thread.join()
    connection.close()


@pytest.mark.usefixtures("fresh_rows")
def test_ten_coins_appear_and_a_new_close_without_reload(dashboard: Running, page: Page) -> None:
    foreign: list[str] = []
    page.on(
        "request",
        lambda request: (
            foreign.append(request.url) if is_foreign(request.url, dashboard.url) else None
        ),
    )
    page.goto(dashboard.url)
    page.locator('[data-field="price"]').nth(len(DEFAULT_SYMBOLS) - 1).wait_for()
    for symbol in DEFAULT_SYMBOLS:
        assert Decimal(field(page, symbol, "close").replace(",", "")) > 0
        if symbol != data.REFUSED_SYMBOL:
            assert Decimal(field(page, symbol, "median").replace(",", "")) > 0
    expect(page.locator('[data-field="source"]')).to_have_text("synthetic × 180")
    expect(page.locator('[data-field="note"]')).to_have_text(HONESTY_NOTE)

    page.evaluate("window.notReloaded = true")
    connection = dashboard.connect()
    data.close_running_hour(connection, "BTCUSDT", Decimal("99123.45"))
    connection.close()
    closed = page.locator('[data-symbol="BTCUSDT"] [data-field="close"]')
    expect(closed).to_have_text("99,123.45", timeout=10_000)
    assert page.evaluate("window.notReloaded")
    picture = ROOT / "var" / "browser" / "overview.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(picture), full_page=True)
    assert foreign == [], "the dashboard must work offline"


def is_foreign(address: str, own: str) -> bool:
    return not address.startswith((own, own.replace("http", "ws", 1), "data:", "blob:"))


@pytest.mark.usefixtures("fresh_rows")
def test_zoom_coin_and_zone_outlive_refresh_and_reload(dashboard: Running, page: Page) -> None:
    page.goto(f"{dashboard.url}/?tz=Asia%2FTokyo")
    page.get_by_role("link", name="ETH", exact=True).click()
    chart = page.locator(CHART)
    chart.wait_for()
    box = chart.bounding_box()
    assert box is not None

    def hours_shown() -> str:
        """Return the labels of the time axis from the left."""
        return str(page.evaluate(TIME_AXIS, CHART))

    before = hours_shown()
    page.mouse.move(box["x"] + 600, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 250, box["y"] + 150, steps=6)
    page.mouse.up()
    moved = hours_shown()
    assert moved != before
    price = page.locator('[data-field="price"]')
    connection = dashboard.connect()
    for step in range(5):
        with connection, connection.cursor() as cursor:
            cursor.execute(
                "UPDATE candle SET close = %s WHERE symbol = 'ETHUSDT' AND status = 'provisional'",
                (Decimal(3000 + step),),
            )
        expect(price).to_have_text(f"3,00{step}.00", timeout=10_000)
        assert hours_shown() == moved, "a refresh must not undo the zoom"
    connection.close()

    page.reload()
    chart.wait_for()
    assert "symbol=ETHUSDT" in page.url
    expect(page.locator('[data-field="exchange-time"]')).to_contain_text("Asia/Tokyo")


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize("path", ["", "coin", "quality", "system"])
def test_each_page_fits_a_phone(dashboard: Running, chromium: Browser, path: str) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{dashboard.url}/{path}")
    page.locator('[data-field="source"]').wait_for()
    if path in ("", "coin"):
        page.locator('[data-field="price"]').first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.get_by_text("Traceback").count() == 0
    page.close()


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize("width", [1440, 390])
def test_system_page_tells_feeds_and_alarms_by_words(
    dashboard: Running, chromium: Browser, width: int
) -> None:
    page = chromium.new_page(viewport={"width": width, "height": 2000})
    page.goto(f"{dashboard.url}/system")
    page.get_by_text("silent: trades are overdue", exact=True).wait_for(timeout=30_000)
    expect(page.locator('[data-field="feeds"]')).to_contain_text("7 of 10 feeds live; look at")
    expect(page.get_by_text("alarm: gap declared")).to_be_visible()
    colours = page.evaluate(
        "[...document.querySelectorAll('.nh-table .nh-dot')].map(dot => "
        "dot.className + ' ' + getComputedStyle(dot).backgroundColor)"
    )
    assert len(set(colours)) == 3, "three levels that look different"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    picture = ROOT / "var" / "browser" / f"system-{width}.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(picture), full_page=True)
    page.close()


@pytest.mark.usefixtures("fresh_rows")
def test_the_probe_sees_what_the_browser_sees(
    dashboard: Running, page: Page, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("NEXTHOUR_NAMESPACE", dashboard.namespace.name)
    monkeypatch.setenv("NEXTHOUR_POSTGRES_URL", dashboard.postgres.url.get_secret_value())
    found = probe.probe(dashboard.url)
    assert found.is_healthy
    page.goto(dashboard.url)
    page.locator('[data-field="price"]').nth(len(DEFAULT_SYMBOLS) - 1).wait_for()
    assert {symbol: field(page, symbol, "close") for symbol in found.closes} == dict(found.closes)
    assert {symbol: field(page, symbol, "median") for symbol in found.medians} == dict(
        found.medians
    )
    assert set(found.closes) == set(DEFAULT_SYMBOLS)
    picture = tmp_path / "pictures" / "overview.png"
    with ThreadPoolExecutor(1) as other:  # Playwright allows one event loop per thread
        assert other.submit(probe.screenshot, dashboard.url, picture).result()
    assert picture.stat().st_size > 20_000


def test_a_stopped_database_is_said_within_five_seconds_and_heals(
    dashboard: Running, page: Page
) -> None:
    page.goto(dashboard.url)
    page.locator('[data-field="price"]').first.wait_for()
    dashboard.server.stop()
    page.get_by_text("The database does not answer").wait_for(timeout=5_000)
    dashboard.server.start()
    page.locator('[data-field="price"]').first.wait_for()
    expect(page.get_by_text("The database does not answer")).to_have_count(0)
