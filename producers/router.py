"""One stream message → what is to be published. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from conf.contracts.dead_letters import DeadLetter
from producers.dead_letters import dead_letter
from producers.errors import BadMessage, Reason
from producers.messages import ClosedKline, Parser, Trade
from producers.sequence import Output, Sequencer


class Router:
    """Hands each message to its symbol's sequencer.

    Attributes:
        others: known messages that are neither trade nor closed kline, by kind.
    """

    def __init__(self, parser: Parser, sequencers: Mapping[str, Sequencer]) -> None:
        self.others: Counter[str] = Counter()
        self._parser = parser
        self._sequencers = sequencers

    def handle(self, raw: bytes, received_time_ms: int) -> Sequence[Output | DeadLetter]:
        """Return the records that follow from a message; a bad one becomes a dead letter."""
        try:
            message = self._parser.stream_message(raw, received_time_ms)
            if isinstance(message, Trade):
                return self._sequencer(message.symbol).on_trade(message)
            if isinstance(message, ClosedKline):
                return self._sequencer(message.symbol).on_kline(message)
        except BadMessage as error:
            return [dead_letter(error, raw, received_time_ms)]
        self.others[message.kind] += 1
        return []

    def _sequencer(self, symbol: str) -> Sequencer:
        sequencer = self._sequencers.get(symbol)
        if sequencer is None:
            raise BadMessage(Reason.UNKNOWN_SYMBOL, "not subscribed", symbol)
        return sequencer
