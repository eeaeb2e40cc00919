"""The files of a batch get their names: all of them, exactly them, however often it comes.

A note of all names stands beside the staged files before the first of them is visible. So an attempt
that ended half-way leaves a list of what it may have brought, and the next one replaces its own files
and removes what it does not bring again.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Mapping

import orjson
from fsspec.implementations.webhdfs import WebHDFS

from conf.abort import AbortSwitch
from conf.connections.hdfs import REPLACE, read_file, remove, rename, write_replacing
from conf.connections.hdfs_folders import names_in
from conf.names import Namespace
from streaming.archive.layout import BatchName, hour_folder, staging_dir
from streaming.archive.ledger import is_committed

NOTE_SUFFIX = ".json"


class BatchFiles:
    """Where a batch stages its files and how these become visible."""

    def __init__(
        self,
        files: WebHDFS,
        namespace: Namespace,
        batch: BatchName,
        abort: AbortSwitch | None = None,
    ) -> None:
        """Take whose batch this is."""
        self._files = files
        self._batch = batch
        self._abort = abort or AbortSwitch(None)
        self._batches = f"{staging_dir(namespace)}/batch"
        self.staging = f"{self._batches}/{batch.stem}"
        """Folder for this batch alone; whatever an earlier attempt left there is of no use."""

    @property
    def note(self) -> str:
        """Path of the list of names that this batch may have given."""
        return self.staging + NOTE_SUFFIX

    def forget_staged(self) -> None:
        """Remove what an earlier attempt staged."""
        remove(self._files, self.staging)

    def targets(
        self, tree: str, staged: Mapping[int, Iterable[str]], suffix: str
    ) -> dict[str, str]:
        """Return the final path of each staged file.

        Args:
            tree: folder of the tree.
            staged: paths of the staged files by open time of their hour (UTC epoch ms), in order.
            suffix: of the names.
        """
        return {
            path: f"{hour_folder(tree, open_ms)}/{self._batch.file(part, suffix)}"
            for open_ms, paths in staged.items()
            for part, path in enumerate(paths)
        }

    def publish(self, targets: Mapping[str, str]) -> None:
        """Give staged files their names; afterwards the batch has these files and no others.

        Raises:
            OSError: if HDFS refuses; some of the files may be there.
        """
        wanted = set(targets.values())
        earlier = set(read_note(self._files, self.note))
        write_replacing(self._files, self.note, orjson.dumps(sorted(wanted | earlier)))
        self._abort.at("noted")
        for source, target in sorted(targets.items()):
            rename(self._files, source, target, REPLACE)
            self._abort.at("file_published")
        for path in sorted(earlier - wanted):
            remove(self._files, path)

    def finish(self) -> None:
        """Remove what only an unfinished batch needs."""
        self.forget_staged()
        remove(self._files, self.note)

    def forget_abandoned(self, committed: dict[str, int]) -> list[str]:
        """Remove what batches of other checkpoints left that never became whole; return their names.

        Whatever reads the topic with a new checkpoint reads what they had read again.
        """
        abandoned = []
        for path in names_in(self._files, self._batches):
            name = posixpath.basename(path).removesuffix(NOTE_SUFFIX)
            checkpoint, _, batch_id = name.rpartition("-")
            if checkpoint == self._batch.checkpoint:
                continue
            if path.endswith(NOTE_SUFFIX):
                other = BatchName(checkpoint, int(batch_id))
                if not is_committed(committed, other):
                    for visible in read_note(self._files, path):
                        remove(self._files, visible)
                    abandoned.append(name)
            remove(self._files, path)
        return abandoned


def read_note(files: WebHDFS, path: str) -> list[str]:
    """Return the paths of a note; none if there is none."""
    try:
        return list(orjson.loads(read_file(files, path)))
    except FileNotFoundError:
        return []
