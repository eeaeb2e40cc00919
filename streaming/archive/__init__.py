"""The archive query: every record of the topic `trades` is kept as a file or becomes a dead letter."""

from __future__ import annotations
