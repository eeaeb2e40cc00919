"""Names and folders of the archive's files. Pure.

Below a tree (trades, markers, CSV): ``date=YYYY-MM-DD/hour=HH/CHECKPOINT-BATCH-PART.parquet``, UTC date
and hour of the trade time; after compaction ``compacted-DIGEST.parquet``. What is being written lies
under a folder of its own, outside of every tree, so that no reader meets it.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass

from conf.names import Namespace, utc_date, utc_time

COMPACTED = "compacted-"


@dataclass(frozen=True, slots=True)
class BatchName:
    """The checkpoint and batch that wrote a file."""

    checkpoint: str
    batch_id: int

    @property
    def stem(self) -> str:
        """How the names of the batch's files begin."""
        return f"{self.checkpoint}-{self.batch_id}"

    def file(self, part: int, suffix: str) -> str:
        """Return the name of the n-th file of one hour."""
        return f"{self.stem}-{part:05d}.{suffix}"


def batch_of(path: str) -> BatchName | None:
    """Return which batch wrote a file; None for a compacted one.

    Raises:
        ValueError: if the archive did not write it.
    """
    name = posixpath.basename(path)
    if name.startswith(COMPACTED):
        return None
    checkpoint, batch_id, _part = name.partition(".")[0].rsplit("-", 2)
    return BatchName(checkpoint, int(batch_id))


def compacted_file(inputs: Iterable[str]) -> str:
    """Return the name of the one file that takes the place of others; it equals none of theirs."""
    names = "\n".join(sorted(posixpath.basename(path) for path in inputs))
    return f"{COMPACTED}{hashlib.sha256(names.encode()).hexdigest()[:16]}.parquet"


def day_folder(tree: str, date: str) -> str:
    """Return the folder of a day, ``YYYY-MM-DD``, in a tree."""
    return f"{tree}/date={date}"


def hour_folder(tree: str, time_ms: int) -> str:
    """Return the folder of the UTC hour that holds a time."""
    return f"{day_folder(tree, utc_date(time_ms))}/hour={utc_time(time_ms):%H}"


def staging_dir(namespace: Namespace) -> str:
    """Return the folder of what is being written."""
    return f"{namespace.hdfs_root}/staging/archive"


def trees(namespace: Namespace) -> dict[str, str]:
    """Return each tree's folder by its name."""
    return {
        "trades": namespace.archive_dir,
        "markers": namespace.markers_dir,
        "trades-csv": namespace.archive_csv_dir,
    }
