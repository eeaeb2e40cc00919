"""Why there is nothing to analyse."""

from __future__ import annotations

from streaming.errors import StreamingError


class NoHistoryError(StreamingError):
    """No symbol has a whole UTC day of history. Operator action: load some, or wait for a day to end."""
