"""Tags of pages."""

from __future__ import annotations

import re

import pytest

from api.etags import etag, is_current

pytestmark = pytest.mark.unit

TAG = etag("/v1/candles", "symbol=BTCUSDT", {"namespace": "live"}, "24:17")


def test_a_tag_is_a_quoted_opaque_text() -> None:
    assert re.fullmatch(r'"[A-Za-z0-9_-]{20}"', TAG)


@pytest.mark.parametrize(
    "parts",
    [
        ("/v1/candles", "symbol=BTCUSDT", {"namespace": "live"}, "25:17"),
        ("/v1/candles", "symbol=ETHUSDT", {"namespace": "live"}, "24:17"),
        ("/v1/candles", "symbol=BTCUSDT", {"namespace": "demo"}, "24:17"),
        ("/v1/forecasts", "symbol=BTCUSDT", {"namespace": "live"}, "24:17"),
    ],
)
def test_whatever_differs_gives_another_tag(parts: tuple[object, ...]) -> None:
    assert etag(*parts) != TAG


def test_equal_parts_give_an_equal_tag() -> None:
    assert etag("/v1/candles", "symbol=BTCUSDT", {"namespace": "live"}, "24:17") == TAG


@pytest.mark.parametrize("given", [TAG, f"W/{TAG}", f'"other", {TAG}', "*", f" {TAG} "])
def test_a_client_that_holds_the_page(given: str) -> None:
    assert is_current(given, TAG)


@pytest.mark.parametrize("given", [None, "", '"other"', TAG.strip('"'), f"{TAG}x"])
def test_a_client_that_does_not(given: str | None) -> None:
    assert not is_current(given, TAG)
