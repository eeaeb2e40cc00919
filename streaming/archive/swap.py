"""Replaces a day's folder by a compacted one, so that a reader sees the one or the other.

HDFS renames a folder at once, but not onto another. So the old folder is renamed away, then the new one
into its place; between the two, for the time of a few requests, the day has no folder (never half of
its files, and none twice). A note written before the first rename says what is going on: whoever holds
the archive's lock next carries an interrupted swap to its end, from whichever step it stopped at.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

import orjson
import structlog
from fsspec.implementations.webhdfs import WebHDFS

from conf.abort import AbortSwitch
from conf.connections.hdfs import exists, remove, rename, write_replacing
from conf.connections.hdfs_folders import files_below, names_in
from conf.names import Namespace
from streaming.archive.layout import day_folder, staging_dir, trees
from streaming.archive.publish import read_note
from streaming.archive.swap_note import swap_note

log = structlog.get_logger(__name__)


class DaySwap:
    """The replacement of one day of one tree. Every method needs the archive's lock."""

    def __init__(
        self,
        files: WebHDFS,
        namespace: Namespace,
        tree: str,
        date: str,
        abort: AbortSwitch | None = None,
    ) -> None:
        """Take the folder of the tree and the date, ``YYYY-MM-DD``."""
        self._files = files
        self._abort = abort or AbortSwitch(None)
        root = f"{staging_dir(namespace)}/compact/{posixpath.basename(tree)}/{date}"
        self.new = f"{root}/new"
        """Folder of the compacted day while it is made: ``hour=HH/…`` below it."""
        self.making = f"{root}/making"
        """Folder of what becomes the files of `new`: ``hour=HH/…`` below it."""
        self._old = f"{root}/old"
        self._root = root
        self.day = day_folder(tree, date)
        """Folder that readers know."""
        self._note = swap_note(namespace, tree, date)

    def forget_new(self) -> None:
        """Remove what an earlier attempt made, unless it went as far as replacing the day."""
        if not exists(self._files, self._note):
            remove(self._files, self._root)

    def replace(self, inputs: Iterable[str], outputs: Iterable[str]) -> None:
        """Replace the day by `new`; files that are not among its inputs move over unchanged.

        Args:
            inputs: paths of the day's files whose rows are in `new`.
            outputs: paths of all files in `new`.

        Raises:
            OSError: if HDFS refuses, or one of the files is gone: then nothing was changed.
        """
        merged = sorted(inputs)
        missing = set(merged) - set(files_below(self._files, self.day))
        missing |= set(outputs) ^ set(files_below(self._files, self.new))
        if missing:
            message = (
                f"{sorted(missing)[0]} is not what it was: another compaction works on {self.day}"
            )
            raise FileNotFoundError(message)
        write_replacing(self._files, self._note, orjson.dumps(merged))
        self._abort.at("swap_noted")
        self.finish()

    def finish(self) -> None:
        """Carry a swap that was begun to its end; does nothing if there is none."""
        if not exists(self._files, self._note):
            return
        merged = {self._below_day(path) for path in read_note(self._files, self._note)}
        if exists(self._files, self.new):
            if not exists(self._files, self._old):
                rename(self._files, self.day, self._old)
                self._abort.at("old_away")
            for path in files_below(self._files, self._old):
                name = path.removeprefix(self._old + "/")
                if name not in merged:
                    rename(self._files, path, f"{self.new}/{name}")
                    self._abort.at("file_carried")
            rename(self._files, self.new, self.day)
            self._abort.at("new_in_place")
        remove(self._files, self._root)
        self._abort.at("old_removed")
        remove(self._files, self._note)

    def _below_day(self, path: str) -> str:
        return path.removeprefix(self.day + "/")


def finish_swaps(files: WebHDFS, namespace: Namespace) -> list[str]:
    """Carry every interrupted swap to its end; return the days. Needs the archive's lock."""
    finished = []
    for tree in trees(namespace).values():
        notes = posixpath.dirname(swap_note(namespace, tree, ""))
        for note in names_in(files, notes):
            date = posixpath.basename(note).removesuffix(".json")
            log.warning("interrupted_compaction_finished", date=date, tree=tree)
            DaySwap(files, namespace, tree, date).finish()
            finished.append(date)
    return finished
