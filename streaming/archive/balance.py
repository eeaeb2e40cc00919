"""What a batch read and what became of it; the two must be equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client import Counter

from streaming.errors import SinkError

RECORDS = Counter(
    "nexthour_archive_records",
    "Records of whole archive batches, by what became of them.",
    ["kind"],
)


@dataclass(frozen=True, slots=True)
class BatchFigures:
    """Counts of one batch's records.

    Attributes:
        batch_id: which batch.
        read: records that came from the topic.
        trades: rows in the files of trades, by their footers.
        markers: rows in the files of markers, by their footers.
        dead_letters: messages that the brokers acknowledged.
        late: of trades and markers, those that the candles query refuses for their age.
        rejected: what was seen to be refused, by reason.
        clock_ms: latest receipt, UTC epoch ms of the exchange's clock; None without a kept record.
    """

    batch_id: int
    read: int
    trades: int = 0
    markers: int = 0
    dead_letters: int = 0
    late: int = 0
    rejected: Mapping[str, int] = field(default_factory=dict)
    clock_ms: int | None = None

    def count(self) -> None:
        """Add a batch that is whole to the process's metrics."""
        for kind in ("trades", "markers", "dead_letters", "late"):
            RECORDS.labels(kind).inc(getattr(self, kind))

    def check(self) -> None:
        """Compare what was read with what was written.

        Raises:
            SinkError: if a record is neither kept nor a dead letter, or one is twice; the batch
                must come again.
        """
        written = self.trades + self.markers + self.dead_letters
        if self.read != written:
            message = (
                f"archive batch {self.batch_id}: {self.read} records read, but {self.trades} trades, "
                f"{self.markers} markers and {self.dead_letters} dead letters written"
            )
            raise SinkError(message)
