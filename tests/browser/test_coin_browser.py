"""The coin's chart: what is odd shows as such, and a zoom stays whatever happens around it."""

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Page, expect

from tests.support import dashboard_data as data
from tests.support.dashboard_server import Running

pytestmark = pytest.mark.browser

CHART = "[data-testid=stVegaLiteChart] canvas"
TOOLTIP = "#vg-tooltip-element"
PIXEL = """([chart, x, y]) => {
    const canvas = document.querySelector(chart), ratio = canvas.width / canvas.clientWidth;
    return [...canvas.getContext('2d').getImageData(x * ratio, y * ratio, 1, 1).data].join(' ');
}"""


def told_at(page: Page, x: float, y: float = 150) -> dict[str, str]:
    """Return the tooltip at a place of the chart, by its titles; empty where there is none."""
    box = page.locator(CHART).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + x, box["y"] + y)
    page.mouse.move(box["x"] + x + 0.5, box["y"] + y)
    rows: list[list[str]] = page.evaluate(
        "tip => [...document.querySelectorAll(tip + '.visible tr')]"
        ".map(row => [...row.cells].map(cell => cell.innerText.trim()))",
        TOOLTIP,
    )
    return {row[0]: row[1] for row in rows}


def hours_along(page: Page) -> dict[str, tuple[float, dict[str, str]]]:
    """Return where each hour stands on the chart, with its tooltip."""
    box = page.locator(CHART).bounding_box()
    assert box is not None
    found = {}
    for x in range(10, int(box["width"]), 24):  # of a day, each bar is twice as wide
        if told := told_at(page, x):
            found[told["Hour"]] = (float(x), told)
    return found


@pytest.mark.usefixtures("fresh_rows")
def test_a_hole_a_quiet_a_disputed_and_a_revised_hour_each_show_as_such(
    dashboard: Running, page: Page
) -> None:
    page.goto(f"{dashboard.url}/coin?symbol={data.ODD_SYMBOL}&range=1+day")
    page.locator(CHART).wait_for()
    expect(page.get_by_text("to look at twice")).to_be_visible()
    hours = hours_along(page)

    def of(time: object) -> tuple[float, dict[str, str]]:
        return hours[f"{time:%Y-%m-%d %H:%M} UTC"]

    x, hole = of(data.HOLE)
    assert hole["State"].startswith("hole: no candle")
    assert hole["Close"] == "–"
    assert hole["Forecast"] != "–", "what was forecast for it stays"
    beside, _ = of(data.HOLE + data.HOUR)
    background = page.evaluate(PIXEL, [CHART, beside, 3])
    assert page.evaluate(PIXEL, [CHART, x, 3]) != background, "a hole is grey from top to bottom"
    _, quiet = of(data.QUIET)
    assert quiet["State"].startswith("quiet: nobody traded")
    assert quiet["Open"] == quiet["High"] == quiet["Low"] == quiet["Close"] != "–"
    _, disputed = of(data.DISPUTED)
    assert data.DISPUTED_REASON in disputed["State"]
    _, revised = of(data.REVISED)
    assert "revision 2" in revised["State"]
    assert "came " in revised["Forecast"]
    running = max(hours.values(), key=lambda place: place[0])[1]
    assert "provisional" in running["State"]


@pytest.mark.usefixtures("fresh_rows")
def test_zoom_coin_and_zone_outlive_refresh_and_reload(dashboard: Running, page: Page) -> None:
    page.goto(f"{dashboard.url}/?tz=Asia%2FTokyo")
    page.get_by_role("link", name="ETH", exact=True).click()
    chart = page.locator(CHART)
    chart.wait_for()
    box = chart.bounding_box()
    assert box is not None

    def hours_shown() -> list[str]:
        """Return the hours under some places of the chart."""
        return [told_at(page, x).get("Hour", "") for x in (300, 500, 700)]

    before = hours_shown()
    assert all("Asia/Tokyo" in hour and "UTC" in hour for hour in before)
    page.mouse.move(box["x"] + 600, box["y"] + 150)
    page.mouse.down()
    page.mouse.move(box["x"] + 850, box["y"] + 150, steps=6)
    page.mouse.up()
    page.wait_for_url(re.compile("zoom=2025"))
    moved = hours_shown()
    assert moved != before
    page.evaluate("chart => { document.querySelector(chart).dataset.same = 'yes' }", CHART)
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
    assert chart.get_attribute("data-same") == "yes", "a refresh must not draw a new chart"

    page.reload()
    chart.wait_for()
    assert "symbol=ETHUSDT" in page.url
    assert "zoom=2025" in page.url
    expect(page.locator('[data-field="exchange-time"]')).to_contain_text("Asia/Tokyo")
    expect(price).to_have_text("3,004.00")
    assert hours_shown() == moved, "a reload keeps the zoom"
