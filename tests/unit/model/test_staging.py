"""Snapshots on local disk: copied once, verified, in place where they are local; kept elsewhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import pytest

from model.places import LocalPlace
from model.staging import find_snapshot, keep, stage
from model.windows import Snapshot, WindowsError

pytestmark = pytest.mark.unit

NAME = "0123456789abcdef"
CONTENT = {"part=volatile-train/0.parquet": b"one", "part=stable-train/0.parquet": b"two"}
MANIFEST = {
    "files": [
        {"path": name, "sha256": hashlib.sha256(content).hexdigest(), "rows": 1}
        for name, content in CONTENT.items()
    ],
    "inputs": [],
    "spec": {"symbols": []},
}


class Memory:
    """A store of snapshots that is a dictionary."""

    windows_dir = "datasets/windows"

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def exists(self, path: str) -> bool:
        return any(key == path or key.startswith(f"{path}/") for key in self.objects)

    def read(self, path: str) -> bytes:
        return self.objects[path]

    def write(self, path: str, content: bytes) -> None:
        self.objects[path] = content

    def names(self, folder: str) -> list[str]:
        return [key.removeprefix(f"{folder}/") for key in self.objects]


@pytest.fixture
def store() -> Memory:
    store = Memory()
    folder = f"{store.windows_dir}/h={NAME}"
    for name, content in CONTENT.items():
        store.write(f"{folder}/{name}", content)
    store.write(f"{folder}/manifest.json", orjson.dumps(MANIFEST))
    store.write(f"{folder}/part=volatile-train/_SUCCESS", b"")
    return store


@pytest.fixture
def snapshot(store: Memory) -> Snapshot:
    return find_snapshot(store, NAME)


def test_copied_once_and_then_found(snapshot: Snapshot, store: Memory, tmp_path: Path) -> None:
    local = stage(snapshot, store, tmp_path)
    assert local.name == f"h={NAME}"
    found = {str(p.relative_to(local)): p.read_bytes() for p in local.rglob("*") if p.is_file()}
    assert found == CONTENT
    store.objects.clear()
    assert stage(snapshot, store, tmp_path) == local


def test_a_damaged_local_copy_is_replaced(
    snapshot: Snapshot, store: Memory, tmp_path: Path
) -> None:
    local = stage(snapshot, store, tmp_path)
    (local / "part=stable-train" / "0.parquet").write_bytes(b"scribble")
    (local / "part=volatile-train" / "0.parquet").unlink()
    stage(snapshot, store, tmp_path)
    assert (local / "part=stable-train" / "0.parquet").read_bytes() == b"two"
    assert (local / "part=volatile-train" / "0.parquet").read_bytes() == b"one"


def test_a_store_that_differs_from_its_manifest_is_refused(
    snapshot: Snapshot, store: Memory, tmp_path: Path
) -> None:
    store.write(f"{snapshot.folder}/part=stable-train/0.parquet", b"evil")
    with pytest.raises(WindowsError, match="differs from the manifest"):
        stage(snapshot, store, tmp_path)


def test_a_local_snapshot_is_verified_where_it_is(
    snapshot: Snapshot, store: Memory, tmp_path: Path
) -> None:
    folder = stage(snapshot, store, tmp_path / "windows")
    place = LocalPlace(tmp_path, tmp_path / "windows")
    place.write(f"{folder}/manifest.json", orjson.dumps(MANIFEST))
    local = find_snapshot(place, NAME)
    assert stage(local, place, tmp_path / "elsewhere") == folder
    assert not (tmp_path / "elsewhere").exists()
    (folder / "part=stable-train" / "0.parquet").write_bytes(b"scribble")
    with pytest.raises(WindowsError, match="differs from the manifest"):
        stage(local, place, tmp_path / "elsewhere")


def test_kept_in_another_store_with_the_manifest_last(
    snapshot: Snapshot, store: Memory, tmp_path: Path
) -> None:
    staged, other = stage(snapshot, store, tmp_path), Memory()
    folder = keep(snapshot, staged, other)
    assert list(other.objects)[-1] == f"{folder}/manifest.json"
    assert find_snapshot(other, NAME).manifest == snapshot.manifest
    assert stage(find_snapshot(other, NAME), other, tmp_path / "second").is_dir()
    before = dict(other.objects)
    keep(snapshot, staged, other)
    assert other.objects == before


def test_half_a_snapshot_is_none(store: Memory) -> None:
    del store.objects[f"{store.windows_dir}/h={NAME}/manifest.json"]
    with pytest.raises(WindowsError, match="no complete snapshot"):
        find_snapshot(store, NAME)


def test_rows_are_counted_by_part(snapshot: Snapshot) -> None:
    assert snapshot.rows("volatile-train") == 1
    assert snapshot.rows("volatile-validation") == 0
