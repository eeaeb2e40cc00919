"""A snapshot of windows brought from HDFS to local disk, by content hash, verified."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from conf.connections.hdfs_folders import copy_to_local
from model.windows import Snapshot, WindowsError

if TYPE_CHECKING:
    from fsspec.implementations.webhdfs import WebHDFS


def stage(snapshot: Snapshot, files: WebHDFS, root: Path) -> Path:
    """Return the local folder of a snapshot, copying it unless a verified copy is there.

    Args:
        snapshot: complete, as `model.windows.make_snapshot` returned it.
        files: the HDFS that holds it.
        root: local folder of all snapshots.

    Returns:
        ``root/h=NAME`` with one folder ``part=…`` for each part.

    Raises:
        WindowsError: if a copied file is not what the manifest says.
    """
    target = root / f"h={snapshot.name}"
    if target.exists() and _verified(snapshot, target):
        return target
    shutil.rmtree(target, ignore_errors=True)
    for part in sorted({file["path"].split("/")[0] for file in snapshot.manifest["files"]}):
        copy_to_local(files, f"{snapshot.folder}/{part}", target / part)
    if not _verified(snapshot, target):
        message = f"the copy of {snapshot.folder} differs from its manifest; delete both and repeat"
        raise WindowsError(message)
    return target


def _verified(snapshot: Snapshot, target: Path) -> bool:
    for file in snapshot.manifest["files"]:
        path = target / file["path"]
        if not path.is_file():
            return False
        if hashlib.sha256(path.read_bytes()).hexdigest() != file["sha256"]:
            return False
    return True
