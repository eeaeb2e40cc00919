"""`python -m streaming.history`."""

import sys

from streaming.history.job import main

if __name__ == "__main__":
    sys.exit(main())
