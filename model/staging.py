"""Snapshots of windows brought to local disk by content hash, verified; and kept on S3."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import orjson

from model.places import LocalPlace, Snapshots
from model.windows import MANIFEST, Snapshot, WindowsError


def stage(snapshot: Snapshot, store: Snapshots, root: Path) -> Path:
    """Return the local folder of a snapshot, copying it unless a verified copy is there.

    Args:
        snapshot: complete, as `model.windows.make_snapshot` or `find_snapshot` returned it.
        store: that holds it: HDFS, S3, or a local folder, which is not copied.
        root: local folder of all snapshots.

    Returns:
        ``root/h=NAME`` with one folder ``part=…`` for each part.

    Raises:
        WindowsError: if a file is not what the manifest says.
    """
    target = Path(snapshot.folder) if isinstance(store, LocalPlace) else root / f"h={snapshot.name}"
    if target.exists() and _verified(snapshot, target):
        return target
    if not isinstance(store, LocalPlace):
        shutil.rmtree(target, ignore_errors=True)
        for file in snapshot.manifest["files"]:
            path = target / file["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.read(f"{snapshot.folder}/{file['path']}"))
        if _verified(snapshot, target):
            return target
    message = f"{target} differs from the manifest of {snapshot.folder}; delete both and repeat"
    raise WindowsError(message)


def keep(snapshot: Snapshot, staged: Path, store: Snapshots) -> str:
    """Copy a staged snapshot to another store, its manifest last; return its folder there.

    A snapshot that is there already is left as it is: its name is what it was made of.
    """
    folder = f"{store.windows_dir}/h={snapshot.name}"
    if not store.exists(f"{folder}/{MANIFEST}"):
        for file in snapshot.manifest["files"]:
            store.write(f"{folder}/{file['path']}", (staged / file["path"]).read_bytes())
        store.write(f"{folder}/{MANIFEST}", orjson.dumps(snapshot.manifest))
    return folder


def find_snapshot(store: Snapshots, name: str) -> Snapshot:
    """Return a snapshot by its name, 16 hex characters.

    Raises:
        WindowsError: if the store does not hold it whole.
    """
    folder = f"{store.windows_dir}/h={name}"
    if not store.exists(f"{folder}/{MANIFEST}"):
        message = f"no complete snapshot {folder}"
        raise WindowsError(message)
    return Snapshot(folder, orjson.loads(store.read(f"{folder}/{MANIFEST}")))


def _verified(snapshot: Snapshot, target: Path) -> bool:
    for file in snapshot.manifest["files"]:
        path = target / file["path"]
        if not path.is_file():
            return False
        if hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
            return False
    return True
