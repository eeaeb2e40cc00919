"""Spark application of the forecast query alone."""

from __future__ import annotations

import sys

from streaming.application import run
from streaming.forecasts import start


def main() -> int:
    """Run until a signal or a failure; return the exit code."""
    return run("nexthour-forecasts", {"forecasts": start})


if __name__ == "__main__":
    sys.exit(main())
