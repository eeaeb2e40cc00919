"""The demo left to itself until a model was retrained, tried, promoted, and a harmful one rolled back."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from conf.connections.postgres import connect
from conf.connections.s3 import open_s3
from conf.names import HOUR_MS, Namespace, epoch_ms
from conf.settings import PostgresSettings, S3Settings
from model.publication import record_version
from model.registry import Registry
from nexthour.demo import LIVE_PARTS, NAMESPACE, Demo, sent_closes
from nexthour.latency import Latency, latencies, summarise
from nexthour.models_command import promote_model
from tests.chaos.lifecycle.harmful import publish_harmful
from tests.chaos.lifecycle.report import EventLine

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

POLL_S = 2.0
TELL_S = 120.0
SERVED_HOURS = 2
"""Forecast by a version before the story goes on: that it was told to serve does not say that it did."""

_SERVED = """
SELECT count(DISTINCT target_open_time) FROM forecast
WHERE kind = 'live' AND model_version = %s AND refusal_reason IS NULL
"""

Say = Callable[[str], None]


@dataclass
class Story:
    """What happened, as it was seen."""

    events: list[EventLine] = field(default_factory=list)
    harmful: str = ""
    minutes: float = 0.0


class Watcher:
    """Follows the events in Postgres while the demo runs."""

    def __init__(self, demo: Demo, limit_s: float, say: Say) -> None:
        self._demo = demo
        self._end_s = time.monotonic() + limit_s
        self._begun_s = time.monotonic()
        self._say = say
        self._told_s = time.monotonic()
        environment = demo.system.environment
        postgres = PostgresSettings(url=SecretStr(environment["NEXTHOUR_POSTGRES_URL"]))
        self.connect: Callable[[], Connection] = lambda: connect(postgres, Namespace(NAMESPACE))

    def follow(self) -> Story:
        """Wait for a promotion, promote a harmful version by hand, wait for its rollback.

        The promoted version must serve, before the harmful one and again after it.

        Raises:
            TimeoutError: if it does not come in time; the message says what is missing.
        """
        story = Story()
        promoted = self._await_event("promoted").version
        self._await_served(promoted)
        story.harmful = self._promote_harmful()
        self._say(f"promoted by hand: {story.harmful}, which does harm")
        self._await_served(self._await_event("rolled_back").version)
        story.events = self.events()
        story.minutes = (time.monotonic() - self._begun_s) / 60
        return story

    def events(self) -> list[EventLine]:
        """Return all events so far."""
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT happened_at, kind, model_version, reason FROM model_event ORDER BY id"
            )
            return [
                EventLine(
                    at_hour=round((epoch_ms(at) - self._demo.live_start_ms) / HOUR_MS, 1),
                    kind=kind,
                    version=version,
                    reason=reason,
                )
                for at, kind, version, reason in cursor
            ]

    def _await_event(self, kind: str) -> EventLine:
        """Return the first event of a kind."""
        while True:
            events = self.events()
            for event in events:
                if event.kind == kind:
                    return event
            self._wait(f"no event {kind!r} came", events)

    def _await_served(self, version: str | None) -> None:
        """Wait until a version forecast some hours more than it has now."""
        wanted = self._served_hours(version) + SERVED_HOURS
        while self._served_hours(version) < wanted:
            self._wait(f"{version} does not serve", self.events())

    def _served_hours(self, version: str | None) -> int:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(_SERVED, (version,))
            ((hours,),) = cursor.fetchall()
            return int(hours)

    def _wait(self, lacking: str, events: Sequence[EventLine]) -> None:
        """Let some time pass.

        Raises:
            LocalError: if a part has ended.
            TimeoutError: if there is no time left.
        """
        self._demo.system.require_running(LIVE_PARTS)
        now_s = time.monotonic()
        if now_s > self._end_s:
            message = f"{lacking}; events: {[event.kind for event in events]}"
            raise TimeoutError(message)
        if now_s - self._told_s > TELL_S:
            self._told_s = now_s
            last = events[-1:]
            said = f"{last[0].kind} at hour {last[0].at_hour}" if last else "nothing yet"
            self._say(f"{(now_s - self._begun_s) / 60:5.1f} min, last event: {said}")
        time.sleep(POLL_S)

    def _promote_harmful(self) -> str:
        with self._demo.system.settings_environment():
            s3 = S3Settings()
            registry = Registry(open_s3(s3), s3.bucket, Namespace(NAMESPACE).s3_prefix)
            version, manifest = publish_harmful(registry)
            with closing(self.connect()) as connection:
                record_version(connection, version, "candidate", registry.digest(version), manifest)
            promote_model(version, force=True)
        return version


def by_training(
    demo: Demo, kind: str, trainings: list[tuple[float, float]]
) -> tuple[Latency | None, Latency | None]:
    """Return the latencies of hours that closed while nothing trained, and in a training."""
    sent = sent_closes(demo.system)
    found = latencies(sent, demo.probe.seen[kind])

    def in_training(key: tuple[str, int]) -> bool:
        at = sent[key] / 1000
        return any(begun <= at <= ended for begun, ended in trainings)

    quiet = [value for key, value in found.items() if not in_training(key)]
    busy = [value for key, value in found.items() if in_training(key)]
    return summarise(quiet), summarise(busy)


def trainings_s(connection: Connection) -> list[tuple[float, float]]:
    """Return begin and end of each training, wall seconds since the epoch."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, extract(epoch FROM written_at) FROM model_event "
            "WHERE kind IN ('training', 'trained', 'failed') ORDER BY id"
        )
        begun, found = None, []
        for kind, at in cursor:
            if kind == "training":
                begun = float(at)
            elif begun is not None:
                found.append((begun, float(at)))
                begun = None
        return found


def counts(connection: Connection) -> dict[str, Any]:
    """Return how many forecasts, refusals and scores there are, and rows of the newest fan."""
    queries = {
        "forecasts": "SELECT model_version, count(*) FROM forecast WHERE kind = 'live' "
        "AND refusal_reason IS NULL GROUP BY 1 ORDER BY 1",
        "refusals": "SELECT split_part(refusal_reason, ':', 1), count(*) FROM forecast "
        "WHERE kind = 'live' AND refusal_reason IS NOT NULL GROUP BY 1 ORDER BY 1",
    }
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        for name, query in queries.items():
            cursor.execute(query)
            found[name] = dict(cursor.fetchall())
        cursor.execute(
            "SELECT count(s.symbol), count(*) FILTER (WHERE s.symbol IS NULL) FROM forecast f "
            "JOIN candle_current c ON c.symbol = f.symbol AND c.open_time = f.target_open_time "
            "AND c.interval = '1h' AND c.status = 'final' "
            "LEFT JOIN forecast_score_current s ON s.symbol = f.symbol "
            "AND s.target_open_time = f.target_open_time AND s.model_version = f.model_version "
            "AND s.kind = f.kind "
            "WHERE f.kind = 'live' AND f.refusal_reason IS NULL AND f.target_open_time < "
            "(SELECT max(target_open_time) FROM forecast_run WHERE kind = 'live')"
        )
        found["scored"], found["unscored"] = cursor.fetchone() or (0, 0)
        cursor.execute(
            "SELECT count(*) FROM projection WHERE origin = (SELECT max(origin) FROM projection)"
        )
        (found["projections"],) = cursor.fetchone() or (0,)
    return found
