"""Settings of the read API."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from conf.api import ApiSettings

pytestmark = pytest.mark.unit


def test_the_environment_sets_every_field(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEXTHOUR_API_PORT", "0")
    monkeypatch.setenv("NEXTHOUR_API_KEY", "a secret")
    monkeypatch.setenv("NEXTHOUR_API_CORS_ORIGINS", "https://a.example/, https://b.example,")
    settings = ApiSettings()
    assert settings.port == 0
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.key is not None
    assert settings.key.get_secret_value() == "a secret"
    assert "a secret" not in repr(settings)


def test_by_default_pages_of_other_origins_may_not_read() -> None:
    settings = ApiSettings()
    assert settings.cors_origins == ()
    assert settings.host == "127.0.0.1"


@pytest.mark.parametrize("key", ["", None])
def test_an_empty_key_is_none(key: str | None) -> None:
    assert ApiSettings.model_validate({"key": key}).key is None


def test_every_field_says_what_it_is() -> None:
    assert all(field.description for field in ApiSettings.model_fields.values())


@pytest.mark.parametrize(
    "given", [{"port": 70000}, {"max_rows": 0}, {"sse_poll_s": 0}, {"pool_size": 0}, {"host": ""}]
)
def test_what_cannot_work_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ApiSettings.model_validate(given)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        ApiSettings().port = 1  # type: ignore[misc]
