"""Tells people what happened to a query or job: a message on the topic `incidents`, a log line, a count.

Guarantee: at most once per call, and never in the way: a broker that is away costs a batch nothing (the
message waits in the client for up to an hour), an exchange that is away a few seconds in half a
minute. Nothing here raises. The log line and the count are always there.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable

import httpx
import structlog
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from prometheus_client import Counter

from conf.connections.exchange_clock import ExchangeClock
from conf.contracts.incidents import ALARMS, Incident, IncidentKind, encode_incident
from conf.names import Namespace
from conf.settings import ExchangeSettings, KafkaSettings
from streaming.client_log import CLIENT_LOG
from streaming.context import PipelineContext

log = structlog.get_logger(__name__)

DELIVERY_TIMEOUT_MS = 3_600_000
# An object that goes away, at the latest at the process's end, gives its messages so long.
LAST_FLUSH_S = 3.0
CLOCK_TIMEOUT_S = 1.0
CLOCK_AGE_S = 30.0

TOLD = Counter("nexthour_incidents", "Incidents told by queries and jobs.", ["producer", "kind"])
UNDELIVERED = Counter(
    "nexthour_incidents_undelivered", "Incidents that Kafka never took.", ["producer"]
)


class ExchangeNow:
    """The exchange's time in ms: asked anew every half minute, the wall clock until it answers."""

    def __init__(self, exchange: ExchangeSettings, speed: float) -> None:
        """Take whose clock; nothing is asked yet."""
        self._client = httpx.Client(timeout=CLOCK_TIMEOUT_S)
        self._rest_url = exchange.rest_url
        self._speed = speed
        self._clock: ExchangeClock | None = None
        self._asked_s = float("-inf")

    def __call__(self) -> int:
        """Return UTC epoch ms; waits at most a second, and that rarely."""
        if time.monotonic() - self._asked_s > CLOCK_AGE_S:
            self._asked_s = time.monotonic()
            try:
                self._clock = ExchangeClock.sync(self._client, self._rest_url, self._speed)
            except (httpx.HTTPError, KeyError, ValueError) as error:
                log.warning("exchange_time_not_known", error=repr(error))
        return self._clock.now_ms() if self._clock else int(time.time() * 1000)


class Alarms:
    """Publishes what one query or job has to tell. Thread-safe."""

    def __init__(
        self, producer: str, kafka: KafkaSettings, namespace: Namespace, now_ms: Callable[[], int]
    ) -> None:
        """Take who speaks and where.

        Args:
            producer: name of the query or job; the key of messages without a symbol.
            kafka: where the topic `incidents` is. No connection is opened before the first alarm.
            namespace: whose topic.
            now_ms: the exchange's time, UTC epoch ms; asked when `tell` is given no start.
        """
        self._name = producer
        self._kafka = kafka
        self._topic = namespace.incidents_topic
        self.now_ms = now_ms
        """The exchange's time, UTC epoch ms."""
        self._producer: Producer | None = None

    def tell(
        self,
        kind: IncidentKind,
        detail: str,
        *,
        symbol: str | None = None,
        first_id: int | None = None,
        last_id: int | None = None,
        started_ms: int | None = None,
        ended_ms: int | None = None,
    ) -> None:
        """Publish an incident; returns at once and raises nothing.

        Args:
            kind: what happened.
            detail: one line for people.
            symbol: whose series it concerns; None if the whole query's.
            first_id: first trade id concerned, if ids are.
            last_id: last trade id concerned.
            started_ms: when it began, UTC epoch ms of the exchange's clock; now if not given.
            ended_ms: when it was over.
        """
        TOLD.labels(self._name, kind.value).inc()
        say = log.error if kind in ALARMS else log.info
        say(kind.value, told_by=self._name, symbol=symbol, detail=detail)
        began_ms = self.now_ms() if started_ms is None else started_ms
        incident = Incident(kind, self._name, began_ms, ended_ms, symbol, first_id, last_id, detail)
        try:
            producer = self._producer or self._open()
            producer.produce(
                self._topic, encode_incident(incident), incident.key, on_delivery=self._report
            )
            producer.poll(0)
        except (KafkaException, BufferError) as error:
            self._undelivered(str(error))

    def flush(self, timeout_s: float = LAST_FLUSH_S) -> None:
        """Wait until Kafka has what was told, but not longer than so many seconds."""
        if self._producer is not None:
            self._producer.flush(timeout_s)

    def _open(self) -> Producer:
        options = {
            **self._kafka.client_config(),
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "delivery.timeout.ms": DELIVERY_TIMEOUT_MS,
        }
        self._producer = Producer(options, logger=CLIENT_LOG)
        weakref.finalize(self, self._producer.flush, LAST_FLUSH_S)
        return self._producer

    def _report(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._undelivered(error.str())

    def _undelivered(self, reason: str) -> None:
        UNDELIVERED.labels(self._name).inc()
        log.error("incident_not_delivered", told_by=self._name, reason=reason)


def alarms_of(context: PipelineContext, producer: str) -> Alarms:
    """Return the voice of a query or job of this run."""
    now_ms = ExchangeNow(context.exchange, context.run.speed)
    return Alarms(producer, context.kafka, context.namespace, now_ms)
