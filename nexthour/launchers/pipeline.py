"""One Spark application with the candles and the forecast query, and the monitor beside them."""

from __future__ import annotations

import sys

from streaming import candles, forecasts, monitor
from streaming.application import run


def main() -> int:
    """Run until a signal or a failure; return the exit code."""
    return run(
        "nexthour-pipeline",
        {"candles": candles.start, "forecasts": forecasts.start},
        {monitor.NAME: monitor.run},
    )


if __name__ == "__main__":
    sys.exit(main())
