"""`nexthour models`: the registry for people: what there is, what serves, promote, roll back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import httpx
import orjson
import psycopg2
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table

from conf.connections.exchange_clock import ExchangeClock
from conf.connections.postgres import connect
from conf.connections.s3 import open_s3
from conf.model import ModelSettings
from conf.names import Namespace, utc_time
from conf.settings import ExchangeSettings, PostgresSettings, RunSettings, S3Settings
from local.errors import LocalError
from model.lifecycle import gate
from model.lifecycle.actions import Actions
from model.lifecycle.decide import Step
from model.lifecycle.ledger import LifecycleLedger
from model.lifecycle.standing import Version
from model.registry import CHAMPION, MANIFEST, SHADOW, Registry, RegistryError

BY_HAND = "by hand"


@dataclass(frozen=True)
class _World:
    registry: Registry
    ledger: LifecycleLedger
    now_ms: int


@contextmanager
def _world(*, with_clock: bool) -> Iterator[_World]:
    """Yield registry and ledger of the environment's run.

    Raises:
        LocalError: one line, if a store is away or refuses.
    """
    run, s3, postgres = RunSettings(), S3Settings(), PostgresSettings()
    namespace = Namespace(run.namespace)
    stable = ModelSettings().stable_symbols
    try:
        now_ms = _now_ms(run) if with_clock else 0
        with closing(connect(postgres, namespace)) as connection:
            connection.autocommit = True
            registry = Registry(open_s3(s3), s3.bucket, namespace.s3_prefix)
            yield _World(registry, LifecycleLedger(lambda: connection, stable), now_ms)
    except RegistryError as error:
        raise LocalError(str(error)) from error
    except (BotoCoreError, ClientError) as error:
        message = f"S3 does not answer: set NEXTHOUR_S3_ENDPOINT_URL, or name a local run with --run ({error})"
        raise LocalError(message) from error
    except psycopg2.Error as error:
        reason = str(error).strip().splitlines()[0]
        message = f"Postgres does not answer: set NEXTHOUR_POSTGRES_URL, or name a local run with --run ({reason})"
        raise LocalError(message) from error


def _now_ms(run: RunSettings) -> int:
    exchange = ExchangeSettings()
    try:
        with httpx.Client(timeout=5) as client:
            return ExchangeClock.sync(client, exchange.rest_url, run.speed).now_ms()
    except (httpx.HTTPError, KeyError, ValueError) as error:
        message = f"the exchange does not tell its time at {exchange.rest_url}: {error}"
        raise LocalError(message) from error


def list_models(console: Console | None = None) -> None:
    """Print all versions, newest first, with what the aliases name."""
    console = console or Console()
    with _world(with_clock=False) as world:
        champion, shadow = world.registry.alias(CHAMPION), world.registry.alias(SHADOW)
        complete = set(world.registry.versions())
        versions = world.ledger.versions()
    table = Table(box=None)
    for name in ("version", "status", "knows until", "expires", "gate"):
        table.add_column(name, no_wrap=name != "gate")
    names = {
        champion.version if champion else "": "serves",
        shadow.version if shadow else "": "tried",
    }
    for version in reversed(versions):
        mark = names.get(version.name, "" if version.name in complete else "files are gone")
        table.add_row(
            version.name,
            f"{version.status}{f' ({mark})' if mark else ''}",
            _hour(version.known_until_ms),
            _hour(version.expires_ms),
            "; ".join(version.faults) or "passes",
        )
    console.print(table)
    if not versions:
        console.print("no version yet: python -m model.training_job, or nexthour train --publish")


def show_model(version: str, console: Console | None = None) -> None:
    """Print a version's card and its manifest's figures.

    Raises:
        LocalError: if there is no such version.
    """
    console = console or Console()
    with _world(with_clock=False) as world:
        card = world.registry.file(version, "card.md").decode()
        manifest = orjson.loads(world.registry.file(version, MANIFEST))
    console.print(card, markup=False, highlight=False)
    faults = gate.faults(manifest)
    console.print(f"gate: {'; '.join(faults) or 'passes'}", markup=False, highlight=False)


def promote_model(version: str, *, force: bool, console: Console | None = None) -> None:
    """Let a version serve, by hand; the query swaps it within seconds.

    Raises:
        LocalError: if the gate refuses it and `force` is not given, or it is not there.
    """
    with _world(with_clock=True) as world:
        found = _known(world, version)
        if found.faults and not force:
            message = f"the gate refuses {version}: {'; '.join(found.faults)}; --force promotes it"
            raise LocalError(message)
        champion = world.registry.champion()
        step = Step("promote", version, f"{BY_HAND}{', forced' if found.faults else ''}")
        before = champion.version if champion else None
        Actions(world.registry, world.ledger).take(step, found, before, world.now_ms)
    (console or Console()).print(
        f"{version} serves; before: {before or 'nothing'}", highlight=False
    )


def roll_back_model(console: Console | None = None) -> None:
    """Let the version before serve again, by hand.

    Raises:
        LocalError: if there is none.
    """
    with _world(with_clock=True) as world:
        champion = world.registry.champion()
        if champion is None or champion.previous is None:
            message = "nothing served before: there is no version to roll back to"
            raise LocalError(message)
        found = _known(world, champion.previous)
        step = Step("roll_back", found.name, f"{champion.version}: {BY_HAND}")
        Actions(world.registry, world.ledger).take(step, found, champion.version, world.now_ms)
    (console or Console()).print(
        f"{found.name} serves again; {champion.version} is rejected", highlight=False
    )


def _known(world: _World, version: str) -> Version:
    found = next((one for one in world.ledger.versions() if one.name == version), None)
    if found is None:
        known = ", ".join(one.name for one in world.ledger.versions()[-5:]) or "none"
        message = f"no version {version!r}; the newest are {known}"
        raise LocalError(message)
    return found


def _hour(epoch_ms: int) -> str:
    return f"{utc_time(epoch_ms):%Y-%m-%d %H:%MZ}"
