"""Repairs that are wanted are made, beside the queries of an application, again and again.

Waits for what is away: whatever could not be repaired stays wanted until the next look.
"""

from __future__ import annotations

import asyncio
import threading

import psycopg2
import structlog
from confluent_kafka import KafkaException

from producers.errors import ProducerError
from streaming.context import PipelineContext
from streaming.errors import StreamingError
from streaming.failures import first_line
from streaming.repair.job import Repaired, work_off

NAME = "repair"

log = structlog.get_logger(__name__)


def run(context: PipelineContext, stop: threading.Event) -> None:
    """Look every `SupervisionSettings.repair_every_s` wall seconds until `stop` is set."""
    while not stop.wait(context.supervision.repair_every_s):
        try:
            asyncio.run(work_off(context, on_hour=_say))
        except (StreamingError, ProducerError, psycopg2.Error, KafkaException, OSError) as error:
            log.warning("repairs_put_off", reason=first_line(error))


def _say(hour: Repaired) -> None:
    log.info(
        "hour_repaired",
        symbol=hour.symbol,
        open_ms=hour.open_time_ms,
        state=hour.state,
        revision=hour.revision,
        detail=hour.detail,
    )
