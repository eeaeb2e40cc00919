"""Windows brought from a real HDFS to local disk: once, verified, and again where they were damaged."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import open_hdfs, remove, write_replacing
from model.places import HdfsPlace
from model.staging import stage
from model.windows import Snapshot, WindowsError
from tests.support.bundle import Bundle

pytestmark = pytest.mark.integration

CONTENT = {"part=volatile-train/0.parquet": b"one", "part=stable-train/0.parquet": b"two"}


@pytest.fixture
def files(settings: Bundle) -> WebHDFS:
    return open_hdfs(settings.hdfs)


@pytest.fixture
def place(settings: Bundle, files: WebHDFS) -> HdfsPlace:
    return HdfsPlace(files, settings.namespace)


@pytest.fixture
def snapshot(settings: Bundle, files: WebHDFS) -> Snapshot:
    folder = f"{settings.namespace.windows_dir}/h=0123456789abcdef"
    for name, content in CONTENT.items():
        write_replacing(files, f"{folder}/{name}", content)
    write_replacing(files, f"{folder}/part=volatile-train/_SUCCESS", b"")
    described = [
        {"path": name, "sha256": hashlib.sha256(content).hexdigest(), "rows": 1}
        for name, content in CONTENT.items()
    ]
    return Snapshot(folder, {"files": described, "inputs": [], "spec": {"symbols": []}})


def test_copied_once_and_then_found(
    snapshot: Snapshot, files: WebHDFS, place: HdfsPlace, tmp_path: Path
) -> None:
    local = stage(snapshot, place, tmp_path / "local")
    assert local.name == "h=0123456789abcdef"
    found = {str(p.relative_to(local)): p.read_bytes() for p in local.rglob("*") if p.is_file()}
    assert found == CONTENT
    remove(files, snapshot.folder)
    assert stage(snapshot, place, tmp_path / "local") == local


def test_a_damaged_local_copy_is_replaced(
    snapshot: Snapshot, files: WebHDFS, place: HdfsPlace, tmp_path: Path
) -> None:
    local = stage(snapshot, place, tmp_path / "local")
    (local / "part=stable-train" / "0.parquet").write_bytes(b"scribble")
    (local / "part=volatile-train" / "0.parquet").unlink()
    stage(snapshot, place, tmp_path / "local")
    assert (local / "part=stable-train" / "0.parquet").read_bytes() == b"two"
    assert (local / "part=volatile-train" / "0.parquet").read_bytes() == b"one"


def test_a_store_that_differs_from_its_manifest_is_refused(
    snapshot: Snapshot, files: WebHDFS, place: HdfsPlace, tmp_path: Path
) -> None:
    write_replacing(files, f"{snapshot.folder}/part=stable-train/0.parquet", b"evil")
    with pytest.raises(WindowsError, match="differs from the manifest"):
        stage(snapshot, place, tmp_path / "local")
