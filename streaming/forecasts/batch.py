"""What each batch of the forecast query does: write the hours that are due, all of one hour at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import httpx
import structlog

from conf.connections.exchange_clock import ExchangeClock
from conf.contracts.forecasts import Forecast
from conf.settings import ExchangeSettings
from streaming.forecasts.calibrations import Calibrations
from streaming.forecasts.history_cache import HistoryCache
from streaming.forecasts.ledger import Ledger, Listing
from streaming.forecasts.ledger_rows import LIVE, SHADOW
from streaming.forecasts.models import LoadedModel, ModelWatcher
from streaming.forecasts.pending import Decision, Hour, Rules, decide
from streaming.forecasts.score_ledger import Chain, ScoreLedger, write_seeds
from streaming.forecasts.scoring import HourScorer
from streaming.forecasts.stores import HdfsStore, KafkaStore

if TYPE_CHECKING:
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - psycopg2's own name
    from pyspark.sql import DataFrame

log = structlog.get_logger(__name__)

# An hour that waits for its last symbols is looked at more often than the stream's clock ticks:
# their rows arrive within a second, and each look is one small query.
LINGER_S = 0.9
LOOK_INTERVAL_S = 0.1


class Clock:
    """The exchange's clock, synced anew for each look; keeps the last estimate if it is away."""

    def __init__(self, client: httpx.Client, exchange: ExchangeSettings, speed: float) -> None:
        self._client = client
        self._rest_url = exchange.rest_url
        self._speed = speed
        self._last: ExchangeClock | None = None

    def sync(self) -> ExchangeClock | None:
        """Return the clock, None if the exchange never answered yet."""
        try:
            self._last = ExchangeClock.sync(self._client, self._rest_url, self._speed)
        except (httpx.HTTPError, KeyError, ValueError) as error:
            log.warning("exchange time not known", error=repr(error), kept=self._last is not None)
        return self._last


class ForecastBatch:
    """Handler for `foreachBatch`; the batch's rows are only a wake-up and are never read.

    Guarantee: called at least once per batch; effectively once per (target hour, kind). What is due
    comes from the tables. First the forecasts whose close is now known are scored. Then the
    features go to HDFS, the forecasts to HDFS and Kafka, and last, in one transaction, the run and
    all its rows to Postgres; an hour with a run is never written again. After a crash in between,
    the hour's file on HDFS is the decision already taken: its rows are sent on unchanged, so that
    all stores agree. A shadow version comes after that, in Postgres alone: nothing waits for it.
    """

    def __init__(
        self,
        rules: Rules,
        models: ModelWatcher,
        shadows: ModelWatcher,
        clock: Clock,
        ledger: Ledger,
        scores: ScoreLedger,
        history: HistoryCache,
        scorer: HourScorer,
        shadow_scorer: HourScorer,
        hdfs: HdfsStore,
        kafka: KafkaStore,
    ) -> None:
        self._rules = rules
        self._models = models
        self._shadows = shadows
        self._clock = clock
        self._ledger = ledger
        self._scores = scores
        self._history = history
        self._scorer = scorer
        self._shadow_scorer = shadow_scorer
        self._hdfs = hdfs
        self._kafka = kafka
        self._books: dict[Chain, Calibrations] = {}
        self._may_be_half_written = True  # only the first hour after a start can be
        self._pause = threading.Event()

    def __call__(self, frame: DataFrame, batch_id: int) -> None:
        """Write what is due. Raises what a store raises; the same batch then comes again."""
        until = time.monotonic() + LINGER_S
        while self.write_due() and time.monotonic() < until:
            self._pause.wait(LOOK_INTERVAL_S)

    def close(self) -> None:
        """Give back the connection to Postgres; another call opens a new one."""
        self._ledger.close()

    def write_due(self) -> bool:
        """Write every hour that is due now; tell whether one waits for its last symbols."""
        if not len(self._history):  # early, so that the first hour does not pay for it
            self._ledger.refresh(self._history)
        model = self._models.current
        if model is None:
            return False
        self._book(Chain(LIVE), model)  # likewise
        found = self._ledger.unscored(model.since_ms)
        if not found.candles:
            return False
        clock = self._clock.sync()
        if clock is None:
            return False
        listings = self._ledger.listings()
        decision: Decision = decide(
            found.candles,
            {symbol: listing.status for symbol, listing in listings.items()},
            self._rules,
            exchange_now_ms=clock.now_ms(),
            wall_now_ms=found.wall_now_ms,
        )
        for hour in decision.hours:
            self._write(hour, model, listings, clock)
        return decision.is_waiting

    def _write(
        self, hour: Hour, model: LoadedModel, listings: dict[str, Listing], clock: ExchangeClock
    ) -> None:
        started = time.monotonic()
        chain = Chain(LIVE)
        states = self._book(chain, model)
        rows = self._rows_of_interrupted_run(hour)
        scored = 0
        if not rows:
            scored = self._scores.settle(hour.as_of_open_time_ms, self._books)
            self._ledger.refresh(self._history)
            rows = self._scorer.score(hour, model, states, listings, clock.now_ms)
            self._hdfs.write_forecasts(rows)
        self._kafka.send(rows)
        scoring_ms = (time.monotonic() - started) * 1000
        is_new = self._commit(rows, scoring_ms, chain, states)
        self._may_be_half_written = False
        log.info(
            "hour written" if is_new else "hour was there already",
            target_open_time_ms=hour.target_open_time_ms,
            model_version=rows[0].model_version,
            refusals={row.symbol: row.refusal_reason for row in rows if row.refusal_reason},
            truths=scored,
            scoring_ms=round(scoring_ms, 1),
            total_ms=round((time.monotonic() - started) * 1000, 1),
        )
        self._write_shadow(hour, listings, clock)

    def _write_shadow(self, hour: Hour, listings: dict[str, Listing], clock: ExchangeClock) -> None:
        """Let the shadow version say of the same hour what it would have; an hour is missed, not late."""
        shadow = self._shadows.current
        if shadow is None or hour.is_late:
            return
        chain = Chain(SHADOW, shadow.version)
        states = self._book(chain, shadow)
        started = time.monotonic()
        rows = self._shadow_scorer.score(hour, shadow, states, listings, clock.now_ms)
        scoring_ms = (time.monotonic() - started) * 1000
        self._commit(rows, scoring_ms, chain, states)

    def _commit(
        self, rows: list[Forecast], scoring_ms: float, chain: Chain, states: Calibrations
    ) -> bool:
        def along(cursor: Cursor) -> None:
            if states.is_new:
                write_seeds(cursor, chain, states)

        is_new = self._ledger.commit(rows, scoring_ms, along)
        states.is_new = False
        return is_new

    def _book(self, chain: Chain, model: LoadedModel) -> Calibrations:
        if chain not in self._books:
            self._books[chain] = self._scores.calibrations(chain, model.scorer.seeds)
            stale = [c for c in self._books if c.kind == chain.kind and c != chain]
            for one in stale:  # a shadow version that was replaced
                del self._books[one]
        return self._books[chain]

    def _rows_of_interrupted_run(self, hour: Hour) -> list[Forecast]:
        if not self._may_be_half_written:
            return []
        return self._hdfs.read_forecasts(hour.target_open_time_ms)
