"""Samples memory, batch times and files while a run goes on."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from conf.connections.hdfs import open_hdfs
from conf.connections.hdfs_folders import files_below
from local.memory import MIB, assign, resident_bytes
from tests.soak.measure import Sample
from tests.support.bundle import Bundle

BATCH_METRIC = "nexthour_query_batch_seconds"
WHOLE_BATCH = "triggerExecution"
MEMORY_S, BATCH_S, FILES_S = 5.0, 1.0, 20.0
ASK_S = 2.0


class Sampler:
    """Threads that take samples until `close`.

    Args:
        settings: whose files.
        pids: process ids by name, asked for before each memory sample.
        metrics_urls: where applications serve their metrics.
    """

    def __init__(
        self, settings: Bundle, pids: Callable[[], dict[str, int]], metrics_urls: list[str]
    ) -> None:
        self.memory: defaultdict[str, list[Sample]] = defaultdict(list)
        self.batch: defaultdict[str, list[Sample]] = defaultdict(list)
        self.files: defaultdict[str, list[Sample]] = defaultdict(list)
        self._settings = settings
        self._pids = pids
        self._urls = metrics_urls
        self._hdfs = open_hdfs(settings.hdfs)
        self._begun_s = time.monotonic()
        self._is_over = threading.Event()
        self._threads = [
            threading.Thread(target=self._every, args=pair, daemon=True)
            for pair in (
                (MEMORY_S, self._look_at_memory),
                (BATCH_S, self._look_at_batches),
                (FILES_S, self._look_at_files),
            )
        ]
        for thread in self._threads:
            thread.start()

    def close(self) -> float:
        """Take no more samples; return how many seconds were sampled."""
        seconds = time.monotonic() - self._begun_s
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        return seconds

    def _every(self, seconds: float, look: Callable[[], None]) -> None:
        while not self._is_over.wait(seconds):
            look()

    def _now_s(self) -> float:
        return time.monotonic() - self._begun_s

    def _look_at_memory(self) -> None:
        parents = {one.pid: one.info["ppid"] or 0 for one in psutil.process_iter(["ppid"])}
        trees = assign(parents, self._pids())
        for name, tree in trees.items():
            size = resident_bytes(tree)
            self.memory[name].append((self._now_s(), size / MIB))

    def _look_at_batches(self) -> None:
        for url in self._urls:
            try:
                text = httpx.get(url, timeout=ASK_S, trust_env=False).text
            except httpx.HTTPError:
                continue
            for query, seconds in batch_seconds(text).items():
                self.batch[query].append((self._now_s(), seconds))

    def _look_at_files(self) -> None:
        root = self._settings.namespace.hdfs_root
        paths = files_below(self._hdfs, root)
        for name, count in files_of([path.removeprefix(root).strip("/") for path in paths]).items():
            self.files[name].append((self._now_s(), count))


def files_of(paths: Iterable[str]) -> dict[str, float]:
    """Return how many files each folder has, or where they are kept by the hour, how many an hour. Pure.

    An archive grows with every hour and is cut by its retention, after days; what must stay bounded
    meanwhile is how many files an hour has.

    Args:
        paths: below the run's root.
    """
    counts: defaultdict[str, int] = defaultdict(int)
    hours: defaultdict[str, set[str]] = defaultdict(set)
    for path in paths:
        name, *folders = path.split("/")
        counts[name] += 1
        if len(folders) > 1 and folders[1].startswith("hour="):
            hours[name].add("/".join(folders[:2]))
    return {name: count / max(len(hours[name]), 1) for name, count in counts.items()}


def batch_seconds(text: str) -> dict[str, float]:
    """Return how long each query's last batch took, from a scrape. Pure."""
    return {
        sample.labels["query"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == BATCH_METRIC and sample.labels.get("part") == WHOLE_BATCH
    }
