"""The life cycle as a loop: look, decide, do one thing; all times are the exchange's.

It only reads what the queries write, and writes aliases and events: if it is away, nothing but new
versions is missing, and the queries never wait for it.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow.parquet as pq
import structlog
from fsspec.implementations.webhdfs import WebHDFS

from conf.connections.hdfs import read_file
from conf.lifecycle import LifecycleSettings
from conf.names import DAY_MS, HOUR_MS, Namespace
from model.feature_spec import STATIC_NAMES
from model.inference import INPUTS
from model.lifecycle.actions import Actions
from model.lifecycle.background import BackgroundJob
from model.lifecycle.decide import Step, decide
from model.lifecycle.drift import Reference, findings, stability
from model.lifecycle.ledger import LifecycleLedger
from model.lifecycle.standing import Standing
from model.registry import CHAMPION, SHADOW, Registry, RegistryError

log = structlog.get_logger(__name__)

RECENT_MS = 60 * DAY_MS
"""Of the skill's test: longer ago is another market, and another champion."""


@dataclass
class Lifecycle:
    """One look after the other.

    Attributes:
        settings: of the life cycle.
        registry: aliases and versions.
        ledger: the queries' and its own tables.
        files: HDFS, for the record of what the models saw.
        namespace: names in it.
        training: the job that trains.
        projection: the job that simulates the fan, once per day of the exchange.
        now_ms: the exchange's clock; None as long as it does not answer.
        stable: coins whose inputs are not watched.
    """

    settings: LifecycleSettings
    registry: Registry
    ledger: LifecycleLedger
    files: WebHDFS
    namespace: Namespace
    training: BackgroundJob
    projection: BackgroundJob
    now_ms: Callable[[], int | None]
    stable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._actions = Actions(self.registry, self.ledger)
        self._drift: tuple[str, ...] = ()
        self._drift_at_ms: int | None = None
        self._projected_day: int | None = None

    def run(self, stop: threading.Event) -> None:
        """Look again and again until the event is set; what a store refuses is tried again later."""
        try:
            while not stop.wait(self.settings.poll_s):
                try:
                    self.look()
                except Exception as error:  # a store is away, or somebody else changed an alias
                    log.warning("life cycle waits", error=f"{type(error).__name__}: {error}"[:300])
        finally:
            self.training.stop()
            self.projection.stop()

    def look(self) -> Step | None:
        """Do what is to be done now; return the step that was taken.

        Raises:
            Exception: what a store has to say.
        """
        now_ms = self.now_ms()
        if now_ms is None:
            return None
        self._take_training(now_ms)
        self._project(now_ms)
        standing = self.standing(now_ms)
        step = decide(standing, self.settings)
        if step is None:
            return None
        if step.kind == "train":
            self.ledger.tell("training", None, step.reason, now_ms)
            self.training.begin()
            log.info("training begins", reason=step.reason)
            return step
        version = standing.version(step.version)
        assert version is not None
        try:
            self._actions.take(step, version, standing.champion, now_ms)
        except RegistryError as error:
            log.warning("step not taken", step=step.kind, version=step.version, error=str(error))
            return None
        log.info("step taken", step=step.kind, version=step.version, reason=step.reason)
        return step

    def standing(self, now_ms: int) -> Standing:
        """Return all that is known now."""
        champion, shadow = self.registry.alias(CHAMPION), self.registry.alias(SHADOW)
        self.ledger.align(
            (champion.version, champion.status) if champion else None,
            shadow.version if shadow else None,
        )
        standing = Standing(
            now_ms,
            versions=self.ledger.versions(),
            champion=champion.version if champion else None,
            previous=champion.previous if champion else None,
            shadow=shadow.version if shadow else None,
            is_training=self.training.is_running,
            asked_at_ms=self.ledger.last_event_ms("training"),
        )
        if champion is not None:
            since = now_ms - self.settings.rollback_hours * HOUR_MS
            standing = replace(
                standing,
                served_since_ms=self.ledger.served_since_ms(champion.version),
                champion_record=self.ledger.record("live", champion.version, since),
                drift=self._watched(champion.version, now_ms),
            )
        if shadow is not None:
            standing = replace(
                standing,
                shadow_record=self.ledger.record("shadow", shadow.version, 0),
                beside_shadow=self.ledger.beside(shadow.version),
            )
        return standing

    def _project(self, now_ms: int) -> None:
        """Begin the day's projection; what it needs is there once the day's last hour is closed."""
        ended = self.projection.ended()
        if ended is not None:
            kind = "projected" if ended.code == 0 else "projection_failed"
            log.info(kind, code=ended.code, line=ended.line, seconds=round(ended.seconds, 1))
        day = now_ms // DAY_MS
        newest_ms = self.ledger.newest_hour_ms()
        is_closed = newest_ms is not None and newest_ms >= day * DAY_MS - HOUR_MS
        if self.projection.is_running or self._projected_day == day or not is_closed:
            return
        self._projected_day = day
        self.projection.begin()

    def _take_training(self, now_ms: int) -> None:
        ended = self.training.ended()
        if ended is None:
            return
        kind = "trained" if ended.code == 0 else "failed"
        self.ledger.tell(
            kind,
            None,
            ended.line if ended.code else f"in {ended.seconds:.0f} s",
            now_ms,
            detail={"code": ended.code, "seconds": round(ended.seconds, 1)},
        )
        log.info("training ended", code=ended.code, seconds=round(ended.seconds, 1))

    def _watched(self, version: str, now_ms: int) -> tuple[str, ...]:
        """Return the alarms of the drift watch, looked for anew from time to time."""
        every_ms = self.settings.drift_every_hours * HOUR_MS
        if self._drift_at_ms is not None and now_ms < self._drift_at_ms + every_ms:
            return self._drift
        trained = Reference.from_dict(orjson.loads(self.registry.file(version, INPUTS)))
        indices = stability(trained, *self._seen(now_ms))
        found = tuple(findings(trained, indices, self.ledger.recent(now_ms - RECENT_MS)))
        if found and found != self._drift:
            self.ledger.tell("drift", version, "; ".join(found), now_ms, detail=indices)
        self._drift, self._drift_at_ms = found, now_ms
        return found

    def _seen(self, now_ms: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """Return what the models saw of volatile coins in the newest hours.

        (rows, static features), and (rows,) the hours.
        """
        newest = now_ms - now_ms % HOUR_MS
        parts, hours = [], []
        for back in range(self.settings.drift_window_hours):
            hour_ms = newest - back * HOUR_MS
            try:
                content = read_file(self.files, self.namespace.features_file(hour_ms))
            except FileNotFoundError:
                continue
            table = pq.read_table(io.BytesIO(content))
            rows = table.select(["symbol", "static", "is_usable"]).to_pylist()
            own = [
                row["static"][: len(STATIC_NAMES)]
                for row in rows
                if row["is_usable"] and row["symbol"] not in self.stable
            ]
            parts += own
            hours += [hour_ms] * len(own)
        static = np.array(parts, dtype=np.float32).reshape(-1, len(STATIC_NAMES))
        return static, np.array(hours, dtype=np.int64)
