"""Spark application of the candles query alone."""

from __future__ import annotations

import sys

from streaming.application import run
from streaming.candles import start


def main() -> int:
    """Run until a signal or a failure; return the exit code."""
    return run("nexthour-candles", {"candles": start})


if __name__ == "__main__":
    sys.exit(main())
