"""What may be a champion."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from conf.champion import ChampionSettings

pytestmark = pytest.mark.unit


def test_members_are_named_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ChampionSettings().members == ("lstm", "lightgbm")
    monkeypatch.setenv("NEXTHOUR_CHAMPION_MEMBERS", " LAD, rule,")
    monkeypatch.setenv("NEXTHOUR_CHAMPION_IS_GUARDED", "false")
    settings = ChampionSettings()
    assert settings.members == ("lad", "rule")
    assert (settings.is_shrunk, settings.is_guarded, settings.is_calibrated) == (True, False, True)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ("lad,rule,lad", "each member counts once"),
        ("lad,champion", "no member of itself"),
        (",", "at least 1 item"),
    ],
)
def test_what_is_no_composition_is_refused(members: str, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        ChampionSettings.model_validate({"members": members})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        ChampionSettings().members = ("rule",)  # type: ignore[misc]
