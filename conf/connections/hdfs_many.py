"""Many small files at once over WebHDFS.

Each file is a question to the namenode and one to a datanode. By threads and `hdfs.read_file` half of the time
went into the client library; on an event loop it is a third of that, and the questions wait together.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from urllib.parse import quote

import aiohttp
from fsspec.implementations.webhdfs import WebHDFS
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from conf.connections.hdfs import REQUEST_TIMEOUT_S

AT_ONCE = 16
# Bounds what is in memory; the connections are idle for a moment between two.
FILES_AT_ONCE = 500
_OK = 200


async def read_files(
    files: WebHDFS, paths: Sequence[str], at_once: int = AT_ONCE
) -> AsyncIterator[tuple[str, bytes | OSError]]:
    """Yield each path and its content, in order; an error in place of one that HDFS does not give.

    Args:
        files: where, see `hdfs.open_hdfs`.
        paths: of the files.
        at_once: how many are asked for at the same time.

    Raises:
        OSError: if HDFS does not answer in time.
    """
    wait = aiohttp.ClientTimeout(
        total=None, sock_connect=REQUEST_TIMEOUT_S, sock_read=REQUEST_TIMEOUT_S
    )
    connector = aiohttp.TCPConnector(limit=at_once, ssl=_certificates(files))
    async with aiohttp.ClientSession(connector=connector, timeout=wait) as session:
        for begin in range(0, len(paths), FILES_AT_ONCE):
            some = paths[begin : begin + FILES_AT_ONCE]
            contents = await asyncio.gather(*(_read(session, files, path) for path in some))
            for found in zip(some, contents, strict=True):
                yield found


async def _read(session: aiohttp.ClientSession, files: WebHDFS, path: str) -> bytes | OSError:
    url = files.url + quote(path, safe="/=")
    proxy = files.session.proxies.get(url.partition(":")[0])
    try:
        async with session.get(url, params={"op": "OPEN", **files.pars}, proxy=proxy) as answer:
            if answer.status != _OK:
                return OSError(f"HTTP {answer.status} {answer.reason}")
            return await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        message = f"HDFS does not give {path} at {files.url}: {error or type(error).__name__}"
        raise OSError(message) from error


def _certificates(files: WebHDFS) -> ssl.SSLContext:
    """Return whom to believe, as the file system's own session does."""
    verify = files.session.verify
    return ssl.create_default_context(
        cafile=verify if isinstance(verify, str) else DEFAULT_CA_BUNDLE_PATH
    )
