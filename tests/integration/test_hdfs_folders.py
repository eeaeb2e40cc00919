"""Walks through folders, renames and removals on a real HDFS."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.webhdfs import WebHDFS

from conf.connections import hdfs_many
from conf.connections.hdfs import (
    REPLACE,
    exists,
    open_hdfs,
    read_file,
    remove,
    rename,
    write_replacing,
)
from conf.connections.hdfs_folders import (
    copy_to_local,
    files_below,
    files_in,
    names_in,
    partitions,
    rows_below,
)
from conf.connections.hdfs_many import read_files
from conf.settings import HdfsSettings
from tests.support.bundle import Bundle

pytestmark = pytest.mark.integration


def parquet(*numbers: int) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.table({"number": numbers}), buffer)
    return buffer.getvalue()


@pytest.fixture
def root(settings: Bundle) -> str:
    """A tree with hidden names at every level and a name that has to be quoted."""
    files, root = open_hdfs(settings.hdfs), f"{settings.namespace.hdfs_root}/tree"
    for path, numbers in {
        "date=2026-01-02/b.parquet": (3, 4),
        "date=2026-01-02/deep/a b%2F+c.parquet": (5,),
        "date=2026-01-01/a.parquet": (1, 2),
        "date=2026-01-01/.a.parquet.1.tmp": (9,),
        "date=2026-01-01/_SUCCESS": (9,),
        "_notes/a.parquet": (9,),
        "other/a.parquet": (6,),
    }.items():
        write_replacing(files, f"{root}/{path}", parquet(*numbers))
    return root


def test_what_is_visible_is_found_in_order(settings: Bundle, root: str, tmp_path: Path) -> None:
    files = open_hdfs(settings.hdfs)
    assert partitions(files, root, "date") == ["2026-01-01", "2026-01-02"]
    assert names_in(files, root) == [
        f"{root}/{name}" for name in ("date=2026-01-01", "date=2026-01-02", "other")
    ]
    day = f"{root}/date=2026-01-02"
    assert names_in(files, day) == [f"{day}/b.parquet", f"{day}/deep"]
    assert files_in(files, day) == [f"{day}/b.parquet"]
    assert files_below(files, day) == [f"{day}/b.parquet", f"{day}/deep/a b%2F+c.parquet"]
    assert [row["number"] for row in rows_below(files, root)] == [1, 2, 3, 4, 5, 6]
    (copied,) = copy_to_local(files, f"{root}/date=2026-01-01", tmp_path / "day")
    assert (copied.name, copied.read_bytes()) == ("a.parquet", parquet(1, 2))


def test_a_folder_that_is_not_there_has_nothing_in_it(settings: Bundle, tmp_path: Path) -> None:
    files, nowhere = open_hdfs(settings.hdfs), f"{settings.namespace.hdfs_root}/nowhere"
    assert not exists(files, nowhere)
    for walk in (names_in, files_in, files_below):
        assert walk(files, nowhere) == []
    assert partitions(files, nowhere, "date") == []
    assert copy_to_local(files, nowhere, tmp_path) == []
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_file(files, nowhere)
    remove(files, nowhere)


def test_an_outage_is_an_error_and_not_an_empty_folder() -> None:
    files: WebHDFS = open_hdfs(HdfsSettings(http_url="http://127.0.0.1:9"))
    for ask in (exists, names_in, files_below, read_file, remove):
        with pytest.raises(OSError, match=r"127\.0\.0\.1"):
            ask(files, "/nexthour")


def test_a_rename_replaces_only_if_it_is_told_to(settings: Bundle, root: str) -> None:
    files = open_hdfs(settings.hdfs)
    source, target = f"{root}/other/a.parquet", f"{root}/date=2026-01-01/a.parquet"
    with pytest.raises(OSError, match=r"RENAME"):
        rename(files, source, target)
    assert read_file(files, target) == parquet(1, 2)
    rename(files, source, target, REPLACE)
    assert read_file(files, target) == parquet(6)
    assert not exists(files, source)
    rename(files, f"{root}/date=2026-01-01", f"{root}/new/date=2026-01-01")
    assert files_below(files, f"{root}/new") == [f"{root}/new/date=2026-01-01/a.parquet"]
    with pytest.raises(FileNotFoundError):
        rename(files, source, target)


def read_all(files: WebHDFS, paths: list[str]) -> list[tuple[str, bytes | OSError]]:
    async def read() -> list[tuple[str, bytes | OSError]]:
        return [found async for found in read_files(files, paths, at_once=2)]

    return asyncio.run(read())


def test_many_files_come_in_order_and_a_missing_one_is_no_end(settings: Bundle, root: str) -> None:
    files = open_hdfs(settings.hdfs)
    paths = [*files_below(files, root), f"{root}/nowhere", f"{root}/other/a.parquet"]
    with patch.object(hdfs_many, "FILES_AT_ONCE", 3):
        found = read_all(files, paths)
    assert [path for path, _ in found] == paths
    *contents, missing, last = [content for _, content in found]
    assert contents == [parquet(1, 2), parquet(3, 4), parquet(5), parquet(6)]
    assert last == parquet(6)
    assert isinstance(missing, OSError)
    assert "404" in str(missing)


def test_many_files_of_a_namenode_that_is_away_are_one_error() -> None:
    files = open_hdfs(HdfsSettings(http_url="http://127.0.0.1:9"))
    with pytest.raises(OSError, match=r"HDFS does not give /a at http://127\.0\.0\.1:9"):
        read_all(files, ["/a"] * 50)
