"""One producer process: start-up checks, then sessions until it is told to stop or the series ends.

A session is: fence older instances, read the topic's tail, go on from there. When Kafka breaks a
session, the next one starts in the same way, so that a restart and a rebuild are one thing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from dataclasses import dataclass, replace

import httpx
import structlog

from conf.abort import AbortSwitch
from conf.connections.schema_registry import SchemaRegistryError, with_registered_id
from conf.contracts.incidents import IncidentKind
from conf.names import Namespace
from conf.producer import ProducerSettings
from conf.settings import CandleSettings, ExchangeSettings, KafkaSettings, RunSettings
from conf.symbol_changes import successor_hint
from producers.clock import KeptClock
from producers.errors import RestError, SinkBrokenError, StartupError
from producers.incidents import IncidentLog
from producers.kafka_producer import SinkConfig, dispose, fence, open_producer
from producers.listing import UNLISTED, check_symbols, refuse_unknown
from producers.messages import PAST_TOLERANCE_MS, Limits, Parser
from producers.metrics import metrics_server
from producers.partitioner import symbols_of_shard
from producers.questions import Policy
from producers.reconnect import Reconnect, ReconnectPolicy
from producers.rest_client import RestClient
from producers.session import Session, SessionParts
from producers.standby import wait_for_turn
from producers.tail import Tail, TailReader
from producers.threads import in_thread
from producers.topics import ensure_topics, topic_exists
from producers.totals import Totals

log = structlog.get_logger(__name__)

REBUILD_WAIT_S = 2.0
# Of a first start; later ones ask until a broker answers.
FIRST_TRIES = 3


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a producer process."""

    run: RunSettings
    exchange: ExchangeSettings
    kafka: KafkaSettings
    candles: CandleSettings
    producer: ProducerSettings

    @classmethod
    def from_environment(cls) -> Config:
        """Read everything from the environment."""
        return cls(
            RunSettings(), ExchangeSettings(), KafkaSettings(), CandleSettings(), ProducerSettings()
        )


def policy_of(settings: ProducerSettings, speed: float) -> Policy:
    """Return the sequencers' bounds; waits for klines are exchange time there."""
    return Policy(
        hold_limit=settings.hold_limit,
        fill_grace_s=settings.fill_grace_s,
        fill_deadline_s=settings.fill_deadline_s,
        kline_grace_ms=settings.kline_grace_s * 1000 * speed,
        retry_base_s=settings.retry_base_s,
        retry_cap_s=settings.retry_cap_s,
        rest_lag_ms=settings.rest_lag_s * 1000 * speed,
        producer=settings.shard,
    )


class Application:
    """A producer process.

    Attributes:
        totals: what it has counted.
        is_stopping: set before `run` is cancelled, so that no new session starts.
    """

    def __init__(self, config: Config) -> None:
        self.totals = Totals()
        self.is_stopping = False
        self._config = config
        self._namespace = Namespace(config.run.namespace)
        self._symbols: tuple[str, ...] = ()
        self._unlisted: list[str] = []
        self._session: Session | None = None
        settings = config.producer
        self._reconnect = Reconnect(
            ReconnectPolicy(
                settings.reconnect_base_s,
                settings.reconnect_cap_s,
                settings.reconnect_stable_s,
                settings.reconnect_budget,
                settings.reconnect_window_s,
            ),
            random.random,
        )
        self._clock = KeptClock(config.exchange.rest_url, config.run.speed, settings.rest_timeout_s)
        self._incidents = IncidentLog(settings.shard, self._clock.now_ms)
        self._reconnect.failures = self.totals.failures
        self.totals.incidents = self._incidents.counts
        self._abort = AbortSwitch(settings.abort_at)

    async def run(self) -> None:
        """Work until the series ends. To stop, cancel: what was received is still committed.

        Raises:
            StartupError: if it cannot start.
            FencedError: if a newer instance took over.
        """
        self._symbols = self._shard_symbols()
        async with (
            RestClient(self._config.exchange.rest_url, self._config.producer) as rest,
            self._metrics(),
        ):
            rest.failures = self.totals.failures
            rest.on_limited = self._on_limited
            self._unlisted = await check_symbols(
                rest, self._symbols, self._config.exchange.rest_url
            )
            await in_thread(self._refuse_unknown)
            await in_thread(lambda: ensure_topics(self._config.kafka, self._config.run))
            self._config = replace(self._config, kafka=await in_thread(self._with_schema_id))
            if self._config.producer.standby:
                await self._stand_by()
            while not await self._one_session(rest):
                self.totals.rebuilds += 1
                await asyncio.sleep(REBUILD_WAIT_S)

    def is_healthy(self) -> bool:
        """Tell whether all streams are open and Kafka takes records."""
        return self._session is not None and self._session.is_healthy()

    def _shard_symbols(self) -> tuple[str, ...]:
        shard = self._config.producer.shard
        try:
            symbols = symbols_of_shard(self._config.run.symbols, shard)
        except ValueError as error:
            raise StartupError(str(error)) from error
        if not symbols:
            message = f"shard {shard} has none of the {len(self._config.run.symbols)} symbols"
            raise StartupError(message)
        return symbols

    @contextlib.asynccontextmanager
    async def _metrics(self):  # type: ignore[no-untyped-def] # the decorator gives the type
        port = self._config.producer.metrics_port
        if port is None:
            yield
            return
        with metrics_server(port, self.totals, self.is_healthy) as server:
            log.debug("metrics", port=server.port)
            yield

    async def _one_session(self, rest: RestClient) -> bool:
        """Run a session; False if Kafka broke it and another one must follow."""
        try:
            self._session = await self._open_session(rest)
            await self._session.run()
        except (SinkBrokenError, RestError, httpx.HTTPError) as error:
            if self.is_stopping:
                raise
            if self._session is None:
                message = (
                    f"no session with Kafka at {self._config.kafka.bootstrap_servers} and the "
                    f"exchange at {self._config.exchange.rest_url}: {error}"
                )
                raise StartupError(message) from error
            self._incidents.report(IncidentKind.SESSION_BROKEN, str(error))
            return False
        return True

    async def _stand_by(self) -> None:
        settings, topic = self._config.producer, self._namespace.feed_topic
        await in_thread(
            lambda: wait_for_turn(
                self._config.kafka,
                topic,
                settings.shard,
                settings.takeover_after_s,
                lambda: self.is_stopping,
            )
        )

    def _on_limited(self, detail: str) -> None:
        if self._clock.is_known:
            self._incidents.report(IncidentKind.REST_LIMITED, detail)

    async def _open_session(self, rest: RestClient) -> Session:
        config = self._config
        sink = SinkConfig(
            config.kafka,
            config.producer,
            self._namespace,
            config.run.venue,
            config.producer.shard,
        )
        # In this order: first nobody else can write, then what was written is read.
        tries = FIRST_TRIES if self._session is None else None
        producer = await in_thread(lambda: open_producer(sink, tries))
        try:
            tails = await in_thread(lambda: self._read_tails(sink))
            await self._clock.sync()
        except Exception:
            await in_thread(lambda: dispose(producer))
            raise
        if self._session is None:
            self._incidents.report(IncidentKind.STARTED, f"{len(tails)} symbols, pid {os.getpid()}")
        self._leave_out_unlisted(tails)
        parts = SessionParts(
            settings=config.producer,
            ws_url=config.exchange.ws_url,
            parser=Parser(
                Limits(
                    int(config.candles.future_tolerance_ms * config.run.speed),
                    config.candles.max_notional,
                    int(PAST_TOLERANCE_MS * config.run.speed),
                )
            ),
            policy=policy_of(config.producer, config.run.speed),
            clock=self._clock,
            rest=rest,
            reconnect=self._reconnect,
            totals=self.totals,
            incidents=self._incidents,
            abort=self._abort,
        )
        return await Session.open(parts, sink, producer, tails)

    def _with_schema_id(self) -> KafkaSettings:
        """Register the schema, where a registry is configured, and return settings with its id.

        Raises:
            StartupError: if the registry cannot be used.
        """
        try:
            return with_registered_id(self._config.kafka, self._namespace.trades_topic)
        except SchemaRegistryError as error:
            raise StartupError(str(error)) from error

    def _refuse_unknown(self) -> None:
        """Refuse symbols that the exchange does not list and that were never followed here.

        Raises:
            StartupError: naming them.
        """
        if not self._unlisted:
            return
        topic = self._namespace.trades_topic
        followed: set[str] = set()
        if topic_exists(self._config.kafka, topic):
            with TailReader(self._config.kafka, topic, self._config.run.venue) as reader:
                tails = reader.read(self._unlisted)
            followed = {symbol for symbol, tail in tails.items() if tail.last_id is not None}
        never = [symbol for symbol in self._unlisted if symbol not in followed]
        refuse_unknown(never, self._config.exchange.rest_url)

    def _leave_out_unlisted(self, tails: dict[str, Tail]) -> None:
        """Go on without symbols that the exchange lists no more."""
        for symbol in self._unlisted:
            del tails[symbol]
            detail = f"{UNLISTED}: {successor_hint(symbol) or 'its series ends'}"
            self._incidents.report(IncidentKind.STATUS_CHANGED, detail, symbol=symbol)

    def _read_tails(self, sink: SinkConfig) -> dict[str, Tail]:
        """Read the tails when no former owner of a symbol can write any more."""
        topic = self._namespace.trades_topic
        own = self._namespace.transactional_id(self._config.producer.shard)
        with TailReader(self._config.kafka, topic, self._config.run.venue) as reader:
            tails = reader.read(self._symbols)
            others = {tail.writer for tail in tails.values() if tail.writer} - {own}
            for writer in sorted(others):
                fence(sink, writer)
            return reader.read(self._symbols) if others else tails
