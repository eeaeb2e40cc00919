from pathlib import Path
from typing import Any

import pytest

from model.registry import AliasRef
from streaming.forecasts.models import LoadedModel, ModelWatcher

pytestmark = pytest.mark.unit


class Source:
    """An alias that a test sets; counts loads."""

    alias = "champion"

    def __init__(self) -> None:
        self.named: AliasRef | None = None
        self.away: Exception | None = None
        self.loads: list[str] = []

    def reference(self) -> AliasRef | None:
        if self.away:
            raise self.away
        return self.named

    def load(self, reference: AliasRef, folder: Path) -> LoadedModel:
        self.loads.append(reference.version)
        if reference.sha256 == "wrong":
            message = "SHA256SUMS is not the one that was promoted"
            raise ValueError(message)
        (folder / reference.version).mkdir(parents=True)
        scorer: Any = object()
        return LoadedModel(reference.version, scorer, 1_000)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def watcher(source: Source, tmp_path: Path) -> ModelWatcher:
    return ModelWatcher(source, tmp_path / "models")  # type: ignore[arg-type]


def champion(version: str, sha256: str = "right") -> AliasRef:
    return AliasRef(version, sha256, "champion")


def test_no_champion_no_model(source: Source, watcher: ModelWatcher) -> None:
    watcher.check()

    assert watcher.current is None
    assert source.loads == []


def test_champion_is_loaded_once(source: Source, watcher: ModelWatcher) -> None:
    source.named = champion("v1")

    watcher.check()
    first = watcher.current
    watcher.check()

    assert first is not None
    assert watcher.current is first
    assert source.loads == ["v1"]


def test_new_champion_replaces_the_old_one_and_its_files(
    source: Source, watcher: ModelWatcher, tmp_path: Path
) -> None:
    for version in ("v1", "v2"):
        source.named = champion(version)
        watcher.check()

    assert watcher.current is not None
    assert watcher.current.version == "v2"
    assert [path.name for path in (tmp_path / "models").iterdir()] == ["v2"]


def test_version_that_does_not_load_leaves_the_one_before_and_is_tried_again(
    source: Source, watcher: ModelWatcher
) -> None:
    source.named = champion("v1")
    watcher.check()
    source.named = champion("v2", "wrong")
    watcher.check()
    watcher.check()

    assert watcher.current is not None
    assert watcher.current.version == "v1"
    assert source.loads == ["v1", "v2", "v2"]

    source.named = champion("v2")
    watcher.check()
    assert watcher.current.version == "v2"


def test_registry_that_is_away_leaves_the_model(source: Source, watcher: ModelWatcher) -> None:
    source.named = champion("v1")
    watcher.check()
    source.away = ConnectionError("no route")

    watcher.check()

    assert watcher.current is not None
    assert watcher.current.version == "v1"
