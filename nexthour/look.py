"""`python -m nexthour.look URL PICTURE`: what the dashboard shows, as JSON, for the demo's check.

A process of its own, so that Streamlit's test runner meets the settings of the run and nothing else.
"""

from __future__ import annotations

import logging
import sys
from dataclasses import asdict
from pathlib import Path

import orjson

from streamlit_app.probe import probe, screenshot


def main() -> int:
    """Look, save a picture where there is a browser, print what was seen."""
    url, picture = sys.argv[1], Path(sys.argv[2])
    logging.disable(logging.WARNING)  # Streamlit warns about a page without a browser
    seen = asdict(probe(url))
    seen["picture"] = str(picture) if screenshot(url, picture) else None
    sys.stdout.buffer.write(orjson.dumps(seen))
    return 0


if __name__ == "__main__":
    sys.exit(main())
