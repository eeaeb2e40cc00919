"""Files on HDFS over WebHDFS, for every part that is not Spark itself.

Guarantee of `write_replacing`: a reader sees the old file, for a moment none, or the whole new one;
never half a file. Repeating it leaves the same file.
"""

from __future__ import annotations

import posixpath
import uuid
from pathlib import Path
from urllib.parse import urlsplit

from fsspec.implementations.webhdfs import WebHDFS

from conf.settings import HdfsSettings


def open_hdfs(settings: HdfsSettings) -> WebHDFS:
    """Return a file system over WebHDFS; opens no connection yet."""
    parts = urlsplit(settings.http_url)
    return WebHDFS(
        host=parts.hostname,
        port=parts.port or 9870,
        user=settings.user,
        use_https=parts.scheme == "https",
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def write_replacing(files: WebHDFS, path: str, content: bytes) -> None:
    """Write a file under a temporary name, then rename it to `path`, replacing what was there."""
    folder, name = posixpath.split(path)
    temporary = posixpath.join(folder, f".{name}.{uuid.uuid4().hex}.tmp")
    files.pipe_file(temporary, content)
    if files.exists(path):
        files.rm_file(path)
    files.mv(temporary, path)


def copy_to_local(files: WebHDFS, folder: str, target: Path) -> list[Path]:
    """Copy the visible files of a folder (not hidden ones, not `_SUCCESS`) to a local folder.

    Returns:
        The local files, sorted by name.
    """
    target.mkdir(parents=True, exist_ok=True)
    copied = []
    for info in files.ls(folder, detail=True):
        name = posixpath.basename(info["name"])
        if info["type"] == "file" and not name.startswith((".", "_")):
            (target / name).write_bytes(files.cat_file(info["name"]))
            copied.append(target / name)
    return sorted(copied)
