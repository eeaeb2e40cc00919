"""How a refused message of the exchange becomes a dead letter. Pure."""

from __future__ import annotations

from conf.contracts.dead_letters import DeadLetter
from producers.errors import BadMessage


def dead_letter(error: BadMessage, raw: bytes, received_time_ms: int) -> DeadLetter:
    """Return the dead letter of a message that was refused; reason is ``code: detail``."""
    return DeadLetter(str(error), error.symbol, raw, received_time_ms)
