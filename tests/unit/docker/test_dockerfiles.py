import re
import shlex
from pathlib import Path

import pytest

from tests.support.images import (
    DOCKER,
    ROLES,
    ROOT,
    Instruction,
    copied_from_context,
    final_stage,
    imports_of,
    instructions,
    module_file,
    normalised,
    pins,
)

pytestmark = pytest.mark.unit

LOCK = ROOT / "requirements" / "linux-x86_64.txt"
# what a role starts, beside the module of its Dockerfile's CMD
ALSO_STARTED = {
    "spark": [
        "nexthour.prepare",
        "streaming.history",
        "nexthour.launchers.candles",
        "nexthour.launchers.forecasts",
    ]
}


def dockerfile(role: str) -> Path:
    return DOCKER / role / "Dockerfile"


def values(role: str, name: str, steps: list[Instruction] | None = None) -> list[str]:
    found = instructions(dockerfile(role)) if steps is None else steps
    return [step.value for step in found if step.name == name]


def started_files(role: str) -> list[Path]:
    (command,) = values(role, "CMD", final_stage(dockerfile(role)))
    words = re.findall(r'"([^"]*)"', command)
    if words[0] == "streamlit":
        pages = (ROOT / "streamlit_app" / "pages").glob("*.py")
        return [ROOT / words[2], *sorted(pages)]
    assert words[:2] == ["python", "-m"]
    files = {module: module_file(module) for module in [words[2], *ALSO_STARTED.get(role, [])]}
    assert None not in files.values(), f"no such module: {files}"
    return [file for file in files.values() if file]


def test_every_role_has_an_image() -> None:
    assert {path.parent.name for path in DOCKER.glob("*/Dockerfile")} == set(ROLES)


@pytest.mark.parametrize("role", ROLES)
def test_base_images_are_pinned_and_name_no_registry(role: str) -> None:
    stages: set[str] = set()
    for value in values(role, "FROM"):
        image, *rest = value.split()
        if image not in stages:
            assert re.fullmatch(r"[a-z0-9-]+(/[a-z0-9-]+)?:\d+\.\d+[\w.-]+", image), image
        if rest:
            stages.add(rest[1])


@pytest.mark.parametrize("role", ROLES)
def test_runs_as_an_unprivileged_user(role: str) -> None:
    steps = final_stage(dockerfile(role))
    (user,) = values(role, "USER", steps)

    assert int(user) >= 10_000
    assert f"--uid {user}" in " ".join(values(role, "RUN", steps))
    order = [step.name for step in steps]
    assert order.index("USER") < order.index("CMD")


@pytest.mark.parametrize("role", ROLES)
def test_nothing_is_fetched_but_hash_locked_packages(role: str) -> None:
    assert values(role, "ADD") == []
    for value in values(role, "RUN"):
        assert not re.search(r"\b(curl|wget|apt-get|git)\b|https?://", value), value
        for command in re.findall(r"pip install[^&]*", value):
            assert "--require-hashes" in command
            assert "--no-cache-dir" in command


@pytest.mark.parametrize("role", ROLES)
def test_copied_paths_exist(role: str) -> None:
    sources = copied_from_context(dockerfile(role))

    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source


@pytest.mark.parametrize("role", ROLES)
def test_image_holds_every_own_module_that_it_uses(role: str) -> None:
    steps = final_stage(dockerfile(role))
    copied = {
        word for step in steps if step.name == "COPY" for word in shlex.split(step.value)[:-1]
    }

    for file in imports_of(started_files(role)).files:
        assert file.relative_to(ROOT).parts[0] in copied, file


@pytest.mark.parametrize("role", ROLES)
def test_image_holds_every_package_that_it_imports(role: str) -> None:
    locked = pins(DOCKER / role / "requirements.txt")

    wanted = imports_of(started_files(role)).distributions
    missing = {name: file for name, file in wanted.items() if name not in locked}
    assert missing == {}


@pytest.mark.parametrize("role", ROLES)
def test_lock_of_a_role_is_a_part_of_the_project_lock(role: str) -> None:
    project, own = pins(LOCK), pins(DOCKER / role / "requirements.txt")

    assert own
    for name, (version, hashes) in own.items():
        assert hashes, name
        assert project[name][0] == version, name
        assert hashes == project[name][1], name


@pytest.mark.parametrize("role", ROLES)
def test_lock_of_a_role_holds_what_its_list_names(role: str) -> None:
    lines = (DOCKER / role / "requirements.in").read_text().splitlines()
    names = {normalised(line.strip()) for line in lines if line and not line.startswith("#")}

    assert names <= set(pins(DOCKER / role / "requirements.txt"))


def test_stage_that_fetches_the_jars_has_what_it_imports() -> None:
    wanted = imports_of([ROOT / "local" / "jars.py"])

    assert {file.relative_to(ROOT).parts[0] for file in wanted.files} <= {"conf", "local"}
    assert set(wanted.distributions) <= set(pins(DOCKER / "spark" / "requirements.txt"))


def test_images_without_spark_and_training_stay_small() -> None:
    heavy = {"pyspark", "tensorflow-cpu", "petastorm", "keras"}

    for role in ("producer", "dashboard", "exchange", "api"):
        assert not heavy & set(pins(DOCKER / role / "requirements.txt")), role
