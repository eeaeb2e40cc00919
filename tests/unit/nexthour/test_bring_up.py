"""What a person is told to open."""

from __future__ import annotations

import pytest

from nexthour.bring_up import addresses_text

pytestmark = pytest.mark.unit


def test_the_api_is_named_beside_the_dashboard() -> None:
    text = addresses_text({"dashboard": "http://x:1", "api": "http://x:2"})
    assert "Dashboard: http://x:1" in text
    assert "http://x:2/v1/status" in text


def test_a_run_without_the_api_names_the_dashboard_alone() -> None:
    assert "API" not in addresses_text({"dashboard": "http://x:1"})
