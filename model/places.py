"""Where hourly history is read from and snapshots of windows are kept: HDFS, a local folder, S3.

Guarantee of `write`: a file is replaced whole; a reader never sees half of one.
"""

from __future__ import annotations

import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from botocore.exceptions import ClientError
from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import exists, read_file, write_replacing
from conf.connections.hdfs_folders import names_in
from conf.names import Namespace

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Snapshots(Protocol):
    """A store of snapshots of windows.

    Attributes:
        windows_dir: folder of all snapshots, by the store's own way of writing paths.
    """

    @property
    def windows_dir(self) -> str:
        """Return the folder of all snapshots."""
        ...

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        ...

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        ...

    def write(self, path: str, content: bytes) -> None:
        """Write a file, whole."""
        ...

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files; none if it is not there. Hidden ones may be left out."""
        ...


class Place(Snapshots, Protocol):
    """A store that also has the history and that Spark writes to."""

    def history_file(self, symbol: str) -> str:
        """Return the path of a symbol's hourly history, whether it is there or not."""
        ...

    def exogenous_file(self, name: str) -> str:
        """Return the path of an exogenous column, whether it is there or not."""
        ...


class HdfsPlace:
    """A namespace on HDFS.

    Args:
        files: over WebHDFS.
        namespace: whose folders.
    """

    def __init__(self, files: WebHDFS, namespace: Namespace) -> None:
        self._files = files
        self._namespace = namespace

    @property
    def windows_dir(self) -> str:
        """Absolute path on HDFS."""
        return self._namespace.windows_dir

    def history_file(self, symbol: str) -> str:
        """Return the absolute path on HDFS."""
        return self._namespace.history_file(symbol)

    def exogenous_file(self, name: str) -> str:
        """Return the absolute path on HDFS."""
        return self._namespace.exogenous_file(name)

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return exists(self._files, path)

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return read_file(self._files, path)

    def write(self, path: str, content: bytes) -> None:
        """Write a file under a temporary name, then rename it."""
        write_replacing(self._files, path, content)

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files."""
        return [posixpath.basename(path) for path in names_in(self._files, folder)]


class LocalPlace:
    """A local folder of ``SYMBOL-1h.parquet`` files, and another one for snapshots.

    Args:
        candles: the history.
        windows: where snapshots go.
    """

    def __init__(self, candles: Path, windows: Path) -> None:
        self._candles = candles.resolve()
        self._windows = windows.resolve()

    @property
    def windows_dir(self) -> str:
        """Absolute local path."""
        return str(self._windows)

    def history_file(self, symbol: str) -> str:
        """Return the absolute local path."""
        return str(self._candles / f"{symbol}-1h.parquet")

    def exogenous_file(self, name: str) -> str:
        """Return the absolute local path."""
        return str(self._candles / "exogenous" / f"{name}-1h.parquet")

    def exists(self, path: str) -> bool:
        """Tell whether a file or folder is there."""
        return Path(path).exists()

    def read(self, path: str) -> bytes:
        """Return a file's content."""
        return Path(path).read_bytes()

    def write(self, path: str, content: bytes) -> None:
        """Write a file under a temporary name, then rename it."""
        partial = Path(f"{path}.partial")
        partial.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)

    def names(self, folder: str) -> list[str]:
        """Return the names of a folder's files."""
        return sorted(path.name for path in Path(folder).iterdir()) if self.exists(folder) else []


class S3Place:
    """Snapshots beside the registry, so that a version can be trained again where there is no HDFS.

    Args:
        client: of S3.
        bucket: of the registry.
        prefix: of the run's keys, such as ``live/``.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    @property
    def windows_dir(self) -> str:
        """Key prefix of all snapshots."""
        return f"{self._prefix}datasets/windows"

    def exists(self, path: str) -> bool:
        """Tell whether an object is there, or any below a prefix."""
        found = self._client.list_objects_v2(Bucket=self._bucket, Prefix=path, MaxKeys=1)
        return bool(found.get("Contents"))

    def read(self, path: str) -> bytes:
        """Return an object's content.

        Raises:
            FileNotFoundError: if it is not there.
        """
        try:
            return self._client.get_object(Bucket=self._bucket, Key=path)["Body"].read()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NoSuchBucket"):
                raise FileNotFoundError(path) from error
            raise

    def write(self, path: str, content: bytes) -> None:
        """Write an object; S3 shows it whole or not at all."""
        self._client.put_object(Bucket=self._bucket, Key=path, Body=content)

    def names(self, folder: str) -> list[str]:
        """Return the names right below a prefix."""
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self._bucket, Prefix=f"{folder}/", Delimiter="/"
        )
        keys = [item["Key"] for page in pages for item in page.get("Contents", [])]
        return sorted(posixpath.basename(key) for key in keys)
