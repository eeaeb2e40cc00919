"""What of a made-up hour must be as it was asked for."""

from __future__ import annotations

from exchange.bars import Bar, BarTarget


def check_bar(bar: Bar, target: BarTarget) -> None:
    """Demand open, high, low, close, volume and the count of trades; the quote volume is apart."""
    assert (bar.open, bar.high, bar.low, bar.close) == (
        target.open,
        target.high,
        target.low,
        target.close,
    )
    assert (bar.volume, bar.trades) == (target.volume, target.trades)
