import importlib
import pkgutil
import re
import shlex
from collections import Counter
from typing import Any

import pytest
from pydantic_settings import BaseSettings

import conf
from tests.support.images import (
    DOCKER,
    ROLES,
    compose,
    env_file,
    final_stage,
    interpolate,
    module_file,
)

pytestmark = pytest.mark.unit

SECRETS = {"POSTGRES_PASSWORD": "secret-1", "S3_SECRET_KEY": "secret-2"}
PROFILES = {"live": SECRETS, "demo": {**SECRETS, **env_file(DOCKER / "demo.env")}}
SERVICES: dict[str, dict[str, Any]] = compose()["services"]


def settings_classes() -> list[type[BaseSettings]]:
    names = [module.name for module in pkgutil.iter_modules(conf.__path__)]
    modules = [importlib.import_module(f"conf.{name}") for name in names]
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, BaseSettings) and value is not BaseSettings
    ]


def variable_names() -> set[str]:
    return {
        f"{kind.model_config['env_prefix']}{field}".upper()
        for kind in settings_classes()
        for field in kind.model_fields
    }


def environment(service: str) -> dict[str, Any]:
    return dict(SERVICES[service].get("environment") or {})


def dockerfile_of(service: dict[str, Any]) -> str | None:
    return service["build"]["dockerfile"] if "build" in service else None


def has_healthcheck(service: dict[str, Any]) -> bool:
    dockerfile = dockerfile_of(service)
    in_image = dockerfile is not None and any(
        step.name == "HEALTHCHECK" for step in final_stage(DOCKER.parent / dockerfile)
    )
    return in_image or "healthcheck" in service


def test_every_role_is_a_service() -> None:
    built = {dockerfile_of(service) for service in SERVICES.values()} - {None}

    assert built == {f"docker/{role}/Dockerfile" for role in ROLES}


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_an_image_or_is_built(name: str) -> None:
    service = SERVICES[name]
    if "build" in service:
        assert (DOCKER / service["build"]["context"]).resolve() == DOCKER.parent
        assert (DOCKER.parent / service["build"]["dockerfile"]).is_file()
        return
    # pinned, and without the name of a registry
    assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)?:(\d|RELEASE)[\w.-]+", service["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_own_variables_are_fields_of_the_settings(name: str) -> None:
    own = {key for key in environment(name) if key.startswith("NEXTHOUR_")}

    assert own <= variable_names()
    if "build" not in SERVICES[name]:
        assert own == set()


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", SERVICES)
def test_values_are_what_the_settings_accept(
    name: str, profile: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for key, value in environment(name).items():
        monkeypatch.setenv(key, interpolate(value, PROFILES[profile]))

    for kind in settings_classes():
        kind(_env_file=None)  # type: ignore[call-arg]  # pydantic-settings' own argument


def test_variables_of_the_demo_are_used() -> None:
    text = (DOCKER / "compose.yaml").read_text()

    for name in [*env_file(DOCKER / "demo.env"), *env_file(DOCKER / "example.env")]:
        assert f"${{{name}:" in text, name


@pytest.mark.parametrize("secret", SECRETS)
def test_secrets_have_no_default(secret: str) -> None:
    others = {name: value for name, value in SECRETS.items() if name != secret}
    values = " ".join(str(value) for name in SERVICES for value in environment(name).values())

    with pytest.raises(KeyError, match=secret):
        interpolate(values, others)


@pytest.mark.parametrize("profile", PROFILES)
def test_dependencies_exist_start_in_the_same_profile_and_can_be_waited_for(profile: str) -> None:
    running = {name for name, service in SERVICES.items() if profile in service["profiles"]}
    for name in running:
        for target, how in (SERVICES[name].get("depends_on") or {}).items():
            assert target in SERVICES, f"{name} → {target}"
            if how.get("required", True):
                assert target in running, f"{name} → {target}"
            if how["condition"] == "service_healthy":
                assert has_healthcheck(SERVICES[target]), f"{name} → {target}"
            if how["condition"] == "service_completed_successfully":
                assert SERVICES[target]["restart"] == "no", f"{name} → {target}"


def test_dependencies_have_no_circle() -> None:
    open_ = {name: set(service.get("depends_on") or {}) for name, service in SERVICES.items()}
    while open_:
        free = {name for name, targets in open_.items() if not targets & set(open_)}
        assert free, f"circle among {sorted(open_)}"
        open_ = {name: targets for name, targets in open_.items() if name not in free}


def test_ports_are_on_loopback_and_do_not_clash() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]

    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports), ports
    assert max(Counter(port.split(":")[1] for port in ports).values()) == 1


def test_volumes_are_declared_and_used() -> None:
    used = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", [])]

    assert set(used) == set(compose()["volumes"])
    assert len(used) == len(set(used))


def test_addresses_name_services() -> None:
    names = set(SERVICES)
    for service in SERVICES:
        for key, value in environment(service).items():
            if key.endswith(("_URL", "_SERVERS")):
                text = interpolate(value, PROFILES["demo"])
                host = re.split(r"[:/]", text.split("//")[-1].split("@")[-1])[0]
                assert host in names, f"{service}: {key}={text}"


def test_modules_that_services_start_exist() -> None:
    for name, service in SERVICES.items():
        command = service.get("command") or []
        words = shlex.split(command) if isinstance(command, str) else [str(w) for w in command]
        if "-m" in words:
            assert module_file(words[words.index("-m") + 1]), f"{name}: {words}"


@pytest.mark.parametrize("name", SERVICES)
def test_service_stops_and_restarts_by_a_stated_rule(name: str) -> None:
    service = SERVICES[name]

    assert service["restart"] in ("no", "unless-stopped")
    assert set(service["profiles"]) <= set(PROFILES)
    if "build" in service:
        assert service["init"] is True
