"""The candles query: one job per module, `query.start` puts them together."""

from streaming.candles.query import start

__all__ = ["start"]
