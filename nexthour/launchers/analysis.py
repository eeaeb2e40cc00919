"""Spark application of the analysis, once."""

from __future__ import annotations

import sys

from streaming.analysis.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
