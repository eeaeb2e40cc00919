from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from fsspec.implementations.local import LocalFileSystem

from model.staging import stage
from model.windows import Snapshot, WindowsError

pytestmark = pytest.mark.unit

CONTENT = {"part=volatile-train/0.parquet": b"one", "part=stable-train/0.parquet": b"two"}


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    folder = tmp_path / "store" / "h=0123456789abcdef"
    files = []
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
        files.append({"path": name, "sha256": hashlib.sha256(content).hexdigest(), "rows": 1})
    (folder / "part=volatile-train" / "_SUCCESS").write_bytes(b"")
    return Snapshot(str(folder), {"files": files, "inputs": [], "spec": {"symbols": []}})


def test_copied_once_and_then_found(snapshot: Snapshot, tmp_path: Path) -> None:
    files = LocalFileSystem()
    local = stage(snapshot, files, tmp_path / "local")
    assert local.name == "h=0123456789abcdef"
    found = {str(p.relative_to(local)): p.read_bytes() for p in local.rglob("*") if p.is_file()}
    assert found == CONTENT
    files.rm(snapshot.folder, recursive=True)
    assert stage(snapshot, files, tmp_path / "local") == local


def test_a_damaged_local_copy_is_replaced(snapshot: Snapshot, tmp_path: Path) -> None:
    local = stage(snapshot, LocalFileSystem(), tmp_path / "local")
    (local / "part=stable-train" / "0.parquet").write_bytes(b"scribble")
    (local / "part=volatile-train" / "0.parquet").unlink()
    stage(snapshot, LocalFileSystem(), tmp_path / "local")
    assert (local / "part=stable-train" / "0.parquet").read_bytes() == b"two"
    assert (local / "part=volatile-train" / "0.parquet").read_bytes() == b"one"


def test_a_store_that_differs_from_its_manifest_is_refused(
    snapshot: Snapshot, tmp_path: Path
) -> None:
    (Path(snapshot.folder) / "part=stable-train" / "0.parquet").write_bytes(b"evil")
    with pytest.raises(WindowsError, match="differs from its manifest"):
        stage(snapshot, LocalFileSystem(), tmp_path / "local")


def test_rows_are_counted_by_part(snapshot: Snapshot) -> None:
    assert snapshot.rows("volatile-train") == 1
    assert snapshot.rows("volatile-validation") == 0
