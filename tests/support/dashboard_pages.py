"""Pages run by Streamlit's AppTest, and what they show."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest

from streamlit_app import probe


def open_app(view: str | None = None, **params: str) -> AppTest:
    page = AppTest.from_file(str(probe.APP), default_timeout=30)
    for name, value in params.items():
        page.query_params[name] = value
    page.run()
    if view:
        page.switch_page(f"views/{view}.py").run()
    assert not page.exception, [element.message for element in page.exception]
    return page


def bodies(page: AppTest) -> str:
    return "".join(element.proto.body for element in page.get("html"))


def fields(page: AppTest) -> dict[tuple[str | None, str], str]:
    return probe.read_fields([element.proto.body for element in page.get("html")])[0]
