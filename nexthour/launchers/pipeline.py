"""One Spark application with all queries; the monitor, the repairs and the daily analysis beside them."""

from __future__ import annotations

import sys

from nexthour.launchers.parts import archive_query, candles_query, forecast_query
from streaming import monitor
from streaming.analysis import watch as analysis
from streaming.application import run
from streaming.repair import watch as repair


def main() -> int:
    """Run until a signal or an error that no restart heals; return the exit code."""
    return run(
        "nexthour-pipeline",
        {
            "candles": candles_query(),
            "forecasts": forecast_query(),
            "archive": archive_query(),
        },
        {monitor.NAME: monitor.run, repair.NAME: repair.run},
        {analysis.NAME: analysis.run},
    )


if __name__ == "__main__":
    sys.exit(main())
