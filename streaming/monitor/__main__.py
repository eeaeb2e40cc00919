"""`python -m streaming.monitor`: the monitor by itself, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
import sys
import threading
from types import FrameType

from pydantic import ValidationError

from conf.logs import configure_logging
from conf.names import Namespace
from conf.settings import KafkaSettings, PostgresSettings, RunSettings
from streaming.failures import one_line
from streaming.monitor.errors import StoreAwayError
from streaming.monitor.loop import build_monitor

OK, CANNOT_START = 0, 2


def main() -> int:
    """Run from the environment; return 0 after a signal, 2 if it cannot start."""
    configure_logging()
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)
    try:
        namespace = Namespace(RunSettings().namespace)
        monitor = build_monitor(KafkaSettings(), PostgresSettings(), namespace)
        monitor.check()
    except (ValidationError, StoreAwayError) as error:
        sys.stderr.write(f"nexthour-monitor: {one_line(error)}\n")
        return CANNOT_START
    monitor.run(stop)
    return OK


if __name__ == "__main__":
    sys.exit(main())
