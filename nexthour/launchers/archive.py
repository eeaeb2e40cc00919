"""Spark application of the archive query, and the repairs that it asks for beside it."""

from __future__ import annotations

import sys

from nexthour.launchers.parts import archive_query
from streaming.application import run
from streaming.repair import watch


def main() -> int:
    """Run until a signal or an error that no restart heals; return the exit code."""
    return run("nexthour-archive", {"archive": archive_query()}, {watch.NAME: watch.run})


if __name__ == "__main__":
    sys.exit(main())
