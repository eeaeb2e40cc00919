"""Spark application of the archive query alone."""

from __future__ import annotations

import sys

from streaming.application import run
from streaming.archive import start


def main() -> int:
    """Run until a signal or a failure; return the exit code."""
    return run("nexthour-archive", {"archive": start})


if __name__ == "__main__":
    sys.exit(main())
