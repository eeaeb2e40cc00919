"""The dashboard as a person meets it: live rows, the way from page to page, a database that goes away."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from conf.settings import DEFAULT_SYMBOLS
from streamlit_app import probe
from streamlit_app.markup.base import HONESTY_NOTE
from tests.support import dashboard_data as data
from tests.support.dashboard_server import Running

pytestmark = pytest.mark.browser

# By kind, as its tooltip says it, how each square of a coin's strip looks.
STRIP_LOOKS = """symbol => [...document.querySelectorAll(`[data-symbol=${symbol}] .nh-strip i`)]
    .map(square => {
        const style = getComputedStyle(square), words = square.title.split(' – ')[1];
        const revised = /revision/.test(square.title) ? ' revised' : '';
        const look = ['backgroundImage', 'backgroundColor', 'borderTopStyle', 'borderTopWidth',
                      'borderTopColor', 'boxShadow'].map(name => style[name]).join(' ');
        return [words.split(/[ :]/)[0] + revised, look];
    })"""


def field(page: Page, symbol: str, name: str) -> str:
    return page.locator(f'[data-symbol="{symbol}"] [data-field="{name}"]').inner_text()


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
    looks = page.evaluate(STRIP_LOOKS, data.ODD_SYMBOL)
    by_kind = {kind: look for kind, look in looks if kind != "not"}
    assert {"complete", "complete revised", "quiet", "disputed", "hole"} == set(by_kind)
    assert len(set(by_kind.values())) == len(by_kind), "each looks different"

    page.evaluate("window.notReloaded = true")
    connection = dashboard.connect()
    data.close_running_hour(connection, "BTCUSDT", Decimal("99123.45"))
    connection.close()
    closed = page.locator('[data-symbol="BTCUSDT"] [data-field="close"]')
    expect(closed).to_have_text("99,123.45", timeout=10_000)
    assert page.evaluate("window.notReloaded")
    assert foreign == [], "the dashboard must work offline"


def is_foreign(address: str, own: str) -> bool:
    return not address.startswith((own, own.replace("http", "ws", 1), "data:", "blob:"))


@pytest.mark.usefixtures("fresh_rows")
def test_the_keyboard_alone_leads_to_a_coin_and_to_another_time_zone(
    dashboard: Running, page: Page
) -> None:
    page.goto(dashboard.url)
    page.locator('[data-testid="stPageLink"] a').nth(9).wait_for()
    focused = "document.activeElement.innerText || document.activeElement.ariaLabel || ''"
    seen = []
    for _ in range(30):
        page.keyboard.press("Tab")
        seen.append(page.evaluate(focused).strip())
        if seen[-1] == "ETH":
            break
    assert seen[-1] == "ETH", f"no way to the coin: {seen}"
    assert any("Time zone" in one for one in seen), f"no way to the time zone: {seen}"
    page.keyboard.press("Enter")
    page.wait_for_url("**/coin?*symbol=ETHUSDT*")
    zone = page.get_by_role("combobox", name="Time zone")
    zone.focus()
    page.keyboard.type("Tokyo")
    page.keyboard.press("Enter")
    expect(page.locator('[data-field="exchange-time"]')).to_contain_text("Asia/Tokyo")
    expect(page.locator('[data-field="exchange-time"]')).to_contain_text("UTC")
    page.wait_for_url("**tz=Asia%2FTokyo*")


@pytest.mark.usefixtures("fresh_rows")
def test_what_is_shown_can_be_taken_away_as_a_file(
    dashboard: Running, page: Page, tmp_path: Path
) -> None:
    page.goto(f"{dashboard.url}/coin?symbol={data.ODD_SYMBOL}&range=1+day&indicators=SMA")
    page.get_by_role("button", name="Export").click()
    for name, ending in (("CSV", "csv"), ("Parquet", "parquet")):
        with page.expect_download() as started:
            page.get_by_role("button", name=name).click()
        assert started.value.suggested_filename == f"{data.ODD_SYMBOL}-1-day.{ending}"
        started.value.save_as(tmp_path / ending)
    head, *lines = (tmp_path / "csv").read_text("utf-8").splitlines()
    assert head.startswith("symbol,open_time,open,high,low,close,")
    assert head.endswith(",sma")
    assert any(data.DISPUTED_REASON in line for line in lines)
    assert (tmp_path / "parquet").read_bytes().startswith(b"PAR1")


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


@pytest.mark.parametrize(
    ("path", "shown"), [("", '[data-field="price"]'), ("coin", '[data-field="price"]')]
)
def test_a_stopped_database_is_said_within_five_seconds_and_heals(
    dashboard: Running, page: Page, path: str, shown: str
) -> None:
    page.goto(f"{dashboard.url}/{path}")
    page.locator(shown).first.wait_for()
    dashboard.server.stop()
    page.get_by_text("The database does not answer").wait_for(timeout=5_000)
    assert page.get_by_text("Traceback").count() == 0
    dashboard.server.start()
    page.locator(shown).first.wait_for()
    expect(page.get_by_text("The database does not answer")).to_have_count(0)
