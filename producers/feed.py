"""How each symbol's feed is doing, from its sequencer and its stream. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from conf.contracts.feed import FeedState, FeedStatus
from producers.sequence import Sequencer


class Stream(Protocol):
    """What is to be known of a stream.

    Attributes:
        symbols: whose trades it carries.
        connected_since_ms: exchange time since when it is open, None while it is not.
    """

    symbols: tuple[str, ...]
    connected_since_ms: int | None


class Feed:
    """The feed statuses of one session."""

    def __init__(
        self, producer: str, sequencers: Mapping[str, Sequencer], streams: Iterable[Stream]
    ) -> None:
        """Args: the shard, the sequencers by symbol, and the streams that carry them."""
        self._producer = producer
        self._sequencers = sequencers
        self._streams = {symbol: stream for stream in streams for symbol in stream.symbols}

    def statuses(self, now_ms: int) -> list[FeedStatus]:
        """Return each symbol's status at this exchange time."""
        return [self._status(sequencer, now_ms) for sequencer in self._sequencers.values()]

    def stopped(self, now_ms: int) -> list[FeedStatus]:
        """Return the last statuses of a producer that stops: a standby need not wait."""
        return [
            self._status(sequencer, now_ms, FeedState.STOPPED)
            for sequencer in self._sequencers.values()
        ]

    def _status(
        self, sequencer: Sequencer, now_ms: int, state: FeedState | None = None
    ) -> FeedStatus:
        since_ms = self._streams[sequencer.symbol].connected_since_ms
        last_time_ms = None if sequencer.last_id is None else sequencer.last_time_ms
        return FeedStatus(
            sequencer.symbol,
            self._producer,
            state or _state(sequencer, since_ms),
            now_ms,
            sequencer.last_id,
            last_time_ms,
            None if last_time_ms is None else max(now_ms - last_time_ms, 0),
            None if state is FeedState.STOPPED else since_ms,
            sequencer.held,
        )


def _state(sequencer: Sequencer, connected_since_ms: int | None) -> FeedState:
    if connected_since_ms is None:
        return FeedState.DISCONNECTED
    if sequencer.last_id is None:
        return FeedState.STARTING
    if sequencer.is_silent:
        return FeedState.SILENT
    return FeedState.LIVE if sequencer.is_settled() else FeedState.FILLING
