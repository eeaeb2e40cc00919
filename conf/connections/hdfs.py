"""Files on HDFS over WebHDFS, for every part that is not Spark itself.

Every request is bounded in time, as fsspec's own are not, and may be repeated: what is there already, or
gone already, is no error. Walks through folders are in `conf.connections.hdfs_folders`.

Guarantee of `write_replacing`: a reader sees the old file or the whole new one, never half a file; behind
an HttpFS gateway for a moment none. Repeating it leaves the same file. A writer that
is killed in between leaves a hidden file, which `hdfs_folders.remove_abandoned` clears away.
"""

from __future__ import annotations

import posixpath
import uuid
from urllib.parse import quote, urlsplit

import requests
from fsspec.implementations.webhdfs import WebHDFS

from conf.settings import HdfsSettings

REQUEST_TIMEOUT_S = 30.0
REPLACE, NEVER_REPLACE = "OVERWRITE", "NONE"
TEMPORARY = ".tmp"
_NOT_FOUND = 404


def open_hdfs(settings: HdfsSettings) -> WebHDFS:
    """Return a file system over WebHDFS; opens no connection yet."""
    parts = urlsplit(settings.http_url)
    files = WebHDFS(
        host=parts.hostname,
        port=parts.port or 9870,
        user=settings.user,
        use_https=parts.scheme == "https",
        skip_instance_cache=True,
        use_listings_cache=False,
    )
    _read_environment_once(files.session, settings.http_url)
    return files


def _read_environment_once(session: requests.Session, url: str) -> None:
    """Take proxies and certificates from the environment now, as for the namenode so for the datanodes.

    By itself the session looks through all variables twice for every request, which takes as long
    as the rest of it.
    """
    found = session.merge_environment_settings(url, {}, None, None, None)
    session.proxies, session.verify = dict(found["proxies"]), found["verify"]
    session.trust_env = False


def request(
    files: WebHDFS, method: str, operation: str, path: str, **parameters: str
) -> requests.Response:
    """Send one WebHDFS request and return the answer, redirections followed. Thread-safe.

    Raises:
        FileNotFoundError: if there is no such file or folder.
        OSError: if HDFS refuses or does not answer in time.
    """
    answer: requests.Response = files.session.request(
        method,
        files.url + quote(path, safe="/="),
        params={"op": operation, **parameters, **files.pars},
        timeout=REQUEST_TIMEOUT_S,
    )
    if answer.status_code == _NOT_FOUND:
        message = f"HDFS has no {path}"
        raise FileNotFoundError(message)
    answer.raise_for_status()
    return answer


def exists(files: WebHDFS, path: str) -> bool:
    """Tell whether there is such a file or folder; unlike by fsspec's own, an outage is an error."""
    try:
        request(files, "GET", "GETFILESTATUS", path)
    except FileNotFoundError:
        return False
    return True


def read_file(files: WebHDFS, path: str) -> bytes:
    """Return a file's content; errors as `request`."""
    return request(files, "GET", "OPEN", path).content


def write_replacing(files: WebHDFS, path: str, content: bytes) -> None:
    """Write a file under a temporary name, then rename it to `path`, replacing what was there.

    Three requests, where fsspec's own write, check, delete and rename take seven. Thread-safe.

    Raises:
        OSError: if HDFS refuses or does not answer in time.
    """
    folder, name = posixpath.split(path)
    temporary = posixpath.join(folder, f".{name}.{uuid.uuid4().hex}{TEMPORARY}")
    place = request(files, "PUT", "CREATE", temporary, overwrite="true", noredirect="true")
    created = files.session.put(place.json()["Location"], data=content, timeout=REQUEST_TIMEOUT_S)
    created.raise_for_status()
    _rename(files, temporary, path, REPLACE)


def rename(files: WebHDFS, source: str, target: str, how: str = NEVER_REPLACE) -> None:
    """Rename a file or folder at once; the target's folder is made if need be.

    Args:
        files: HDFS.
        source: what to rename.
        target: its new path.
        how: `REPLACE` puts a file in the place of another one; `NEVER_REPLACE` refuses to.

    Raises:
        OSError: if HDFS refuses: source missing, target in the way.
    """
    request(files, "PUT", "MKDIRS", posixpath.dirname(target))
    _rename(files, source, target, how)


def _rename(files: WebHDFS, source: str, target: str, how: str) -> None:
    place = {"destination": target}
    answer = request(files, "PUT", "RENAME", source, renameoptions=how, **place)
    if not answer.content or answer.json().get("boolean") is not False:
        return
    # An HttpFS gateway does not know the option and never replaces: for a moment there is no file.
    if how == REPLACE:
        remove(files, target)
        answer = request(files, "PUT", "RENAME", source, **place)
    if how != REPLACE or not answer.json()["boolean"]:
        message = f"HDFS does not rename {source} to {target}"
        raise OSError(message)


def remove(files: WebHDFS, path: str) -> None:
    """Remove a file, or a folder with all in it; for readers it is gone at once."""
    request(files, "DELETE", "DELETE", path, recursive="true")
