"""Every page at a desk and on a phone, light and dark, and what axe says of each."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from streamlit_app.markup.base import HONESTY_NOTE
from tests.support.dashboard_server import Running

pytestmark = pytest.mark.browser

# What tells that a page has its data.
SHOWN = {
    "": '[data-symbol="USDCUSDT"] [data-field="median"]',
    "coin?symbol=ETHUSDT&indicators=RSI": "[data-testid=stVegaLiteChart] canvas",
    "analysis?symbol=ETHUSDT": "[data-testid=stVegaLiteChart] canvas",
    "quality": "[data-testid=stVegaLiteChart] canvas",
    "projection?symbol=POLUSDT": "[data-testid=stVegaLiteChart] canvas",
    "data": '[data-field="verdicts"]',
    "system": '[data-field="feeds"]',
}
IS_THEME = """scheme => {
    const colour = getComputedStyle(document.querySelector('.stApp')).backgroundColor;
    const sum = colour.match(/[0-9]+/g).slice(0, 3).reduce((all, part) => all + Number(part), 0);
    return (sum < 200) === (scheme === 'dark');
}"""
WITH_FORECASTS = {"", "coin", "quality", "projection"}


def grave(page: Page) -> list[str]:
    """Return axe's serious and critical findings."""
    response = Axe().run(page).response
    assert len(response["passes"]) > 20, "axe has looked at nothing"
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in response["violations"]
        if one["impact"] in {"serious", "critical"}
        for node in one["nodes"]
    ]


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize("path", SHOWN)
def test_each_page_renders_and_axe_finds_nothing_grave(
    dashboard: Running, page: Page, path: str
) -> None:
    page.goto(f"{dashboard.url}/{path}")
    page.locator(SHOWN[path]).first.wait_for()
    expect(page.locator('[data-field="source"]')).to_have_text("synthetic × 180")
    page.get_by_role("button", name="Export").wait_for()
    assert page.get_by_text("Traceback").count() == 0
    if path.split("?")[0] in WITH_FORECASTS:
        expect(page.get_by_text(HONESTY_NOTE)).to_be_visible()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_function(IS_THEME, arg=scheme)
        assert grave(page) == []


@pytest.mark.usefixtures("fresh_rows")
@pytest.mark.parametrize("path", SHOWN)
def test_each_page_fits_a_phone(dashboard: Running, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{dashboard.url}/{path}")
    page.locator(SHOWN[path]).first.wait_for()
    page.get_by_role("button", name="Export").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = page.evaluate(
        "[...document.querySelectorAll('.nh:not(.nh-table), [data-testid=stVegaLiteChart]')]"
        ".filter(part => part.getBoundingClientRect().right > 391).map(part => part.outerHTML)"
    )
    assert cut == [], "only tables may be wider, and they scroll by themselves"


@pytest.mark.usefixtures("fresh_rows")
def test_system_page_tells_feeds_and_alarms_by_words_and_shapes(
    dashboard: Running, page: Page
) -> None:
    page.goto(f"{dashboard.url}/system")
    page.get_by_text("silent: trades are overdue", exact=True).wait_for(timeout=30_000)
    expect(page.locator('[data-field="feeds"]')).to_contain_text("7 of 10 feeds live; look at")
    expect(page.get_by_text("alarm: gap declared")).to_be_visible()
    looks = page.evaluate(
        "[...document.querySelectorAll('.nh-table .nh-dot')].map(dot => "
        "{ const style = getComputedStyle(dot); return dot.className + ' ' + "
        "style.backgroundColor + style.borderWidth + style.borderRadius })"
    )
    assert len(set(looks)) == 3, "three levels that look different"
