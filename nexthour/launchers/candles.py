"""Spark application of the candles query alone."""

from __future__ import annotations

import sys

from nexthour.launchers.parts import candles_query
from streaming.application import run


def main() -> int:
    """Run until a signal or an error that no restart heals; return the exit code."""
    return run("nexthour-candles", {"candles": candles_query()})


if __name__ == "__main__":
    sys.exit(main())
