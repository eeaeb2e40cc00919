"""``python -m api``: serves until SIGTERM; everything comes from the environment (NEXTHOUR_API_…).

Exit codes: 0 stopped, 2 cannot start. Logs are JSON lines on stderr.
"""

from __future__ import annotations

import argparse
import sys

from pydantic import ValidationError

from api.server import PortTakenError, serve
from conf.api import ApiSettings
from conf.logs import configure_logging

EXIT_OK, EXIT_STARTUP = 0, 2


def main(arguments: list[str] | None = None) -> int:
    """Serve and return the exit code."""
    argparse.ArgumentParser(prog="python -m api", description=__doc__).parse_args(arguments)
    configure_logging()
    try:
        serve(ApiSettings())
    except ValidationError as error:
        problem = error.errors()[0]
        name = "_".join(str(part) for part in problem["loc"])
        return _one_line(f"{error.title}: {name}: {problem['msg']}")
    except PortTakenError as error:
        return _one_line(str(error))
    return EXIT_OK


def _one_line(text: str) -> int:
    sys.stderr.write(f"api: {' '.join(text.split())}\n")
    return EXIT_STARTUP


if __name__ == "__main__":
    sys.exit(main())
