"""The monitor: topics `incidents` and `feed` → Postgres, for people and the dashboard.

`loop.Monitor` states the guarantee. It runs beside the queries of one application (`run`) or by
itself (`python -m streaming.monitor`).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streaming.context import PipelineContext

NAME = "monitor"


def run(context: PipelineContext, stop: threading.Event) -> None:
    """Run beside the queries of an application until `stop` is set."""
    # here, so that the pure modules of this package can be used without the clients
    from streaming.monitor.loop import build_monitor

    build_monitor(context.kafka, context.postgres, context.namespace).run(stop)
