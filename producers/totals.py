"""What one producer process has counted, over all its sessions. Plain integers, no locks needed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from producers.kafka_sink import SinkCounts
from producers.sequence import Sequencer

COUNTERS = {
    "trades_received": "Trades that came over the stream, duplicates included, dead letters not.",
    "trades_published": "Trades given to Kafka.",
    "trades_from_rest": "Trades of those published that came from REST.",
    "duplicates": "Trades of the stream that were published before.",
    "reordered": "Trades of the stream that closed a hole before REST was asked.",
    "trades_skipped": "Trades before the first published hour.",
    "gaps_filled": "Holes in the ids that REST filled.",
    "gap_ids": "Ids declared by GAP records.",
    "hours_closed": "CLOSE records.",
    "hours_closed_by_rest": "CLOSE records of which the witness came from REST.",
    "hours_halted": "Hours without a kline.",
}
GAUGES = {
    "last_trade_id": "Last id published or covered by a GAP.",
    "last_trade_time_ms": "Trade time of the last published trade, UTC epoch ms.",
}


class Totals:
    """Sums of finished sessions plus what the running one counts."""

    def __init__(self) -> None:
        self.sink = SinkCounts()
        self.connects = 0
        self.failures: Counter[str] = Counter()
        self.incidents: Counter[str] = Counter()
        self.rebuilds = 0
        self._finished: dict[str, dict[str, int]] = {}
        self._running: dict[str, Sequencer] = {}

    def start_session(self, sequencers: Iterable[Sequencer]) -> None:
        """Take over the sequencers of a new session; the old ones' counts are kept."""
        self._finished = self.by_symbol()
        self._running = {sequencer.symbol: sequencer for sequencer in sequencers}

    def by_symbol(self) -> dict[str, dict[str, int]]:
        """Return counters and gauges of each symbol."""
        rows: dict[str, dict[str, int]] = {}
        for symbol in self._finished.keys() | self._running.keys():
            row = dict.fromkeys((*COUNTERS, *GAUGES), 0)
            row.update(self._finished.get(symbol, {}))
            sequencer = self._running.get(symbol)
            if sequencer is not None:
                for name, value in _counted(sequencer).items():
                    row[name] = value if name in GAUGES else row[name] + value
            rows[symbol] = row
        return dict(sorted(rows.items()))

    def dead_by_reason(self) -> dict[str, int]:
        """Return the committed dead letters by reason."""
        return dict(self.sink.dead_by_reason)

    def incidents_by_kind(self) -> dict[str, int]:
        """Return the incidents by kind."""
        return dict(self.incidents)

    def process(self) -> dict[str, int]:
        """Return what is counted for the whole process."""
        return {
            "records_committed": self.sink.records,
            "transactions": self.sink.transactions,
            "transactions_resent": self.sink.resends,
            "commit_retries": self.sink.commit_retries,
            "commit_ms": round(self.sink.commit_ms),
            "slowest_commit_ms": round(self.sink.slowest_commit_ms),
            "stream_connects": self.connects,
            "stream_failures": self.failures["stream"],
            "rest_errors": self.failures["rest"],
            "session_rebuilds": self.rebuilds,
        }

    def summary(self) -> dict[str, int]:
        """Return the sums over all symbols, for the last line of a run."""
        rows = self.by_symbol().values()
        sums = {name: sum(row[name] for row in rows) for name in COUNTERS}
        return sums | {"dead_letters": self.sink.dead_letters} | self.process()


def _counted(sequencer: Sequencer) -> dict[str, int]:
    counts, hours = sequencer.counts, sequencer.hours
    return {
        "trades_received": counts.received,
        "trades_published": counts.published,
        "trades_from_rest": counts.from_rest,
        "duplicates": counts.duplicates,
        "reordered": counts.reordered,
        "trades_skipped": counts.skipped,
        "gaps_filled": counts.gaps_filled,
        "gap_ids": counts.gap_ids,
        "hours_closed": 0 if hours is None else hours.counts.closed,
        "hours_closed_by_rest": 0 if hours is None else hours.counts.closed_by_rest,
        "hours_halted": 0 if hours is None else hours.counts.halted,
        "last_trade_id": sequencer.last_id or 0,
        "last_trade_time_ms": sequencer.last_time_ms,
    }
