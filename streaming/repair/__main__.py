"""`python -m streaming.repair --wanted`: work off the requests, for cron and schedulers.

Prints one line per hour. Exit codes: 0 all settled, 1 some hour stays disputed or failed, 2 could not run.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

import psycopg2
from confluent_kafka import KafkaException
from pydantic import ValidationError

from conf.logs import configure_logging
from producers.errors import ProducerError
from streaming.context import PipelineContext
from streaming.errors import StreamingError
from streaming.failures import first_line
from streaming.reconcile.ranges import time_text
from streaming.repair.job import Repaired, work_off

FAILED = 1
CANNOT_RUN = 2


def main(arguments: list[str]) -> int:
    """Work off what is wanted; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m streaming.repair", description=__doc__)
    parser.add_argument(
        "--wanted",
        action="store_true",
        required=True,
        help="rebuild all hours that the table `repair` has as wanted; the only mode",
    )
    parser.parse_args(arguments)
    configure_logging()
    try:
        done = asyncio.run(work_off(PipelineContext.from_environment(), on_hour=_say))
    except (
        StreamingError,
        ProducerError,
        ValidationError,
        psycopg2.Error,
        KafkaException,
        OSError,
    ) as error:
        sys.stderr.write(f"repair: {first_line(error)}\n")
        return CANNOT_RUN
    return 0 if all(hour.is_settled or hour.state == "wanted" for hour in done) else FAILED


def _say(hour: Repaired) -> None:
    revision = "" if hour.revision is None else f" r{hour.revision}"
    sys.stdout.write(
        f"{hour.symbol} {time_text(hour.open_time_ms)}{revision} {hour.state}: {hour.detail}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
