"""Files on HDFS over WebHDFS, for every part that is not Spark itself.

Guarantee of `write_replacing`: a reader sees the old file or the whole new one, never half a file; behind
an HttpFS gateway for a moment none. Repeating it leaves the same file. A writer that
is killed in between leaves a hidden file, which `remove_abandoned` clears away.
"""

from __future__ import annotations

import posixpath
import uuid
from pathlib import Path
from urllib.parse import quote, urlsplit

import requests
from fsspec.implementations.webhdfs import WebHDFS

from conf.settings import HdfsSettings

REQUEST_TIMEOUT_S = 30.0
RENAME_REPLACING = "OVERWRITE"
# Creating, writing and renaming a file are three requests: whoever is at it is done by then.
ABANDONED_AFTER_S = 4 * REQUEST_TIMEOUT_S


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
    """Write a file under a temporary name, then rename it to `path`, replacing what was there.

    Three requests, where fsspec's own write, check, delete and rename take seven, and each bounded
    in time, which fsspec's are not. Thread-safe.

    Raises:
        OSError: if HDFS refuses or does not answer in time.
    """
    folder, name = posixpath.split(path)
    temporary = posixpath.join(folder, f".{name}.{uuid.uuid4().hex}.tmp")
    place = _put(files, temporary, op="CREATE", overwrite="true", noredirect="true")
    created = files.session.put(place.json()["Location"], data=content, timeout=REQUEST_TIMEOUT_S)
    created.raise_for_status()
    renamed = _put(files, temporary, op="RENAME", destination=path, renameoptions=RENAME_REPLACING)
    if renamed.content and renamed.json().get("boolean") is False:
        # An HttpFS gateway does not know the option: for a moment there is no file.
        files.rm_file(path)
        files.mv(temporary, path)


def _put(files: WebHDFS, path: str, **parameters: str) -> requests.Response:
    answer: requests.Response = files.session.put(
        files.url + quote(path, safe="/="),
        params={**parameters, **files.pars},
        timeout=REQUEST_TIMEOUT_S,
    )
    answer.raise_for_status()
    return answer


def remove_abandoned(files: WebHDFS, folder: str, now_s: float) -> list[str]:
    """Remove the temporary files of writers that were killed between writing and renaming.

    Args:
        files: where.
        folder: the folder itself, not those below it; it may be absent.
        now_s: wall clock, UTC epoch seconds; of the same time as the namenode's.

    Returns:
        The paths that are gone.

    Raises:
        OSError: if HDFS refuses or does not answer.
    """
    try:
        found = files.ls(folder, detail=True)
    except FileNotFoundError:
        return []
    abandoned = [
        info["name"]
        for info in found
        if _is_temporary(posixpath.basename(info["name"]))
        and now_s - info["modificationTime"] / 1000 > ABANDONED_AFTER_S
    ]
    for path in abandoned:
        files.rm_file(path)
    return abandoned


def _is_temporary(name: str) -> bool:
    return name.startswith(".") and name.endswith(".tmp")


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
