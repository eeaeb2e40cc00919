"""How many records the running query has filtered, as it tells it itself."""

from __future__ import annotations

import threading
from collections import Counter
from types import TracebackType

from streaming.trades.predicate import REASONS
from tests.chaos.candles.world import World

POLL_S = 0.05
STATUS = "SELECT detail FROM job_status WHERE job = 'candles'"


class FilteredCount:
    """Adds up the observed counts of every batch that `job_status` shows, by reason.

    Args:
        world: whose query; it must not be killed meanwhile.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._batches: dict[int, Counter[str]] = {}
        self._before = -1
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="filtered", daemon=True)

    def __enter__(self) -> FilteredCount:
        """Look on from now."""
        self._look()
        self._before = max(self._batches, default=-1)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Look no longer."""
        self._is_over.set()
        self._thread.join()

    def since(self) -> Counter[str]:
        """Return what was filtered since the begin, by reason; without what was never."""
        total: Counter[str] = Counter()
        for batch, counts in list(self._batches.items()):
            if batch > self._before:
                total += counts
        return +total

    def _run(self) -> None:
        while not self._is_over.wait(POLL_S):
            self._look()

    def _look(self) -> None:
        rows = self._world.table.query(STATUS)
        detail = rows[0][0] if rows else {}
        records = (detail.get("observed") or {}).get("records") or {}
        if detail.get("batch_id") is not None:
            self._batches[detail["batch_id"]] = Counter(
                {reason: int(records.get(reason) or 0) for reason in REASONS}
            )
