"""Which files lie among the candles on HDFS."""

from __future__ import annotations

from conf.connections.hdfs import open_hdfs
from tests.support.bundle import Bundle


def candle_files(settings: Bundle) -> tuple[int, list[str]]:
    """Return how many visible files there are, and the names of the hidden ones."""
    files = open_hdfs(settings.hdfs)
    names = [
        str(path) for path in files.find(f"{settings.namespace.hdfs_root}/candles", detail=False)
    ]
    hidden = [path for path in names if path.rsplit("/", 1)[-1].startswith((".", "_"))]
    return len(names) - len(hidden), sorted(hidden)
