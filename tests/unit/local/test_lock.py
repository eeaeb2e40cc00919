from __future__ import annotations

import os
from pathlib import Path

import pytest

from local.errors import LocalError
from local.lock import FolderLock

pytestmark = pytest.mark.unit


def test_a_second_lock_is_refused_and_names_the_process(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "run"), FolderLock(tmp_path / "run")
    first.acquire()
    with pytest.raises(LocalError, match=rf"already runs in .*\(process {os.getpid()}\)"):
        second.acquire()
    with pytest.raises(LocalError, match="already up"):
        first.acquire()
    first.release()
    first.release()
    second.acquire()
    second.release()


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalError, match=r"^cannot write into .*file.*NEXTHOUR_LOCAL_RUN_DIR$"):
        FolderLock(tmp_path / "file" / "run").acquire()


@pytest.mark.parametrize("failing", ["ftruncate", "pwrite"])
def test_a_full_disk_is_one_line_and_holds_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, failing, full)
        with pytest.raises(LocalError, match=r"^cannot write into .* \(No space left on device\)"):
            FolderLock(tmp_path).acquire()
    FolderLock(tmp_path).acquire()
