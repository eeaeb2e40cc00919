from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from model.archive import ArchiveError, check_archive, classes_of

pytestmark = pytest.mark.unit


def archive(path: Path, config: object, *extra: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("config.json", json.dumps(config))
        for name in ("metadata.json", "model.weights.h5", *extra):
            file.writestr(name, "")
    return path


def test_classes_are_found_however_deep() -> None:
    config = {
        "module": "a",
        "class_name": "B",
        "config": {"x": [{"module": "c", "class_name": "D"}]},
    }
    assert classes_of(config) == {"a:B", "c:D"}


def test_dense_passes(tmp_path: Path) -> None:
    check_archive(archive(tmp_path / "m", {"module": "keras.layers", "class_name": "Dense"}))


@pytest.mark.parametrize(
    "config",
    [
        {"module": "os", "class_name": "system"},
        {"module": "keras.layers", "class_name": "Lambda"},
        {"module": "keras.layers", "class_name": "Dense", "registered_name": "evil>Dense"},
        {"module": "builtins", "class_name": "function", "config": "eval"},
    ],
)
def test_other_classes_are_refused(tmp_path: Path, config: dict[str, str]) -> None:
    with pytest.raises(ArchiveError, match="allow-list"):
        check_archive(archive(tmp_path / "m", {"layers": [config]}))


def test_other_members_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"assets/evil\.txt"):
        check_archive(archive(tmp_path / "m", {}, "assets/evil.txt"))


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes(b"no zip")
    with pytest.raises(ArchiveError, match=r"no \.keras archive"):
        check_archive(tmp_path / "m")
    with pytest.raises(ArchiveError, match=r"no \.keras archive"):
        check_archive(tmp_path / "absent")
