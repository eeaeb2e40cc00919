"""The model that scores now: the registry's champion, loaded in the background and swapped whole."""

from __future__ import annotations

import importlib
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pandas as pd
import structlog

from conf.connections.s3 import open_s3
from conf.names import Namespace, epoch_ms
from conf.settings import S3Settings
from model.features import FeatureSpec, build_rows
from model.inference import Scored, Scorer, features_parquet
from model.registry import CHAMPION, ChampionRef, Registry
from streaming.forecasts.history_cache import PANEL_COLUMNS

log = structlog.get_logger(__name__)

CHECK_INTERVAL_S = 3.0
# Seconds of imports; done before the first model is there, so that the first hour is not late.
HEAVY_MODULES = ("tensorflow", "petastorm")


class LoadedScorer(Protocol):
    """What this package uses of `model.inference.Scorer`."""

    @property
    def spec(self) -> FeatureSpec:
        """Features that the model expects."""

    @property
    def expires_ms(self) -> int:
        """Exchange time after which its network must not be used."""

    def score(self, features_dir: Path) -> list[Scored]:
        """Score the Parquet files of one hour."""

    def baseline(self, last_close: float, sigma: float) -> dict[float, float]:
        """Return naive + EWMA bands: level → price."""


@dataclass(frozen=True)
class LoadedModel:
    """A version ready to score. `since_ms` is the wall time at which its alias was written."""

    version: str
    scorer: LoadedScorer
    since_ms: int


class ChampionSource:
    """The registry as the watcher needs it."""

    def __init__(self, settings: S3Settings, namespace: Namespace) -> None:
        self._s3 = open_s3(settings)
        self._bucket = settings.bucket
        self._prefix = namespace.s3_prefix
        self._registry = Registry(self._s3, self._bucket, self._prefix)

    def champion(self) -> ChampionRef | None:
        """Return what the alias names, None before the first promotion."""
        return self._registry.champion()

    def load(self, reference: ChampionRef, folder: Path) -> LoadedModel:
        """Fetch, verify and load a version.

        Raises:
            Exception: whatever the store, the verification or the load had to say.
        """
        alias = self._s3.head_object(Bucket=self._bucket, Key=self._prefix + CHAMPION)
        since: datetime = alias["LastModified"]
        local = folder / reference.version
        self._registry.fetch(reference.version, local, sha256=reference.sha256)
        scorer = Scorer.load(local)
        _warm_up(scorer, folder / ".warm-up")
        return LoadedModel(reference.version, scorer, epoch_ms(since.astimezone(UTC)))


def _warm_up(scorer: LoadedScorer, folder: Path) -> None:
    """Take the way of an hour once, so that the first one does not pay for it (2 s were seen)."""
    nothing = pd.DataFrame(columns=PANEL_COLUMNS).astype({"open_time_ms": "int64"})
    rows = build_rows(nothing, scorer.spec.symbols, [0], spec=scorer.spec)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.parquet").write_bytes(features_parquet(rows))
    scorer.score(folder)


class ModelWatcher:
    """Keeps `current` at the champion; a version that fails to load leaves the one before in place.

    `current` is swapped in one assignment: an hour is scored by one version from start to end.

    Args:
        source: the registry.
        folder: local folder for fetched versions; only the newest stays.
    """

    def __init__(self, source: ChampionSource, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._current: LoadedModel | None = None
        self._stopped = threading.Event()
        self._last_fault = ""

    @property
    def current(self) -> LoadedModel | None:
        """The model to score with, None as long as the registry has no champion."""
        return self._current

    def check(self) -> None:
        """Look at the alias once and load what it names, if that is not loaded yet.

        Never raises: the registry may be away, and a version may be unusable; both are logged
        once and tried again at the next check.
        """
        try:
            reference = self._source.champion()
            if reference is None or self._is_current(reference):
                return
            loaded = self._source.load(reference, self._folder)
        except Exception as error:
            self._report(error)
            return
        self._current = loaded
        self._last_fault = ""
        log.info("model loaded", version=loaded.version, status=reference.status)
        self._remove_others(loaded.version)

    def start(self, is_alive: Callable[[], bool]) -> None:
        """Watch in a daemon thread until `stop` or until `is_alive` says no."""
        threading.Thread(target=self._watch, args=(is_alive,), name="models", daemon=True).start()

    def stop(self) -> None:
        """End the thread after its present step."""
        self._stopped.set()

    def _watch(self, is_alive: Callable[[], bool]) -> None:
        for name in HEAVY_MODULES:
            importlib.import_module(name)
        while is_alive():
            self.check()
            if self._stopped.wait(CHECK_INTERVAL_S):
                return

    def _is_current(self, reference: ChampionRef) -> bool:
        return self._current is not None and self._current.version == reference.version

    def _report(self, error: Exception) -> None:
        fault = f"{type(error).__name__}: {error}"
        if fault != self._last_fault:
            self._last_fault = fault
            kept = self._current.version if self._current else None
            log.warning("champion not loaded, trying again", error=fault, kept=kept)

    def _remove_others(self, version: str) -> None:
        for path in self._folder.iterdir():
            if path.name != version:
                shutil.rmtree(path, ignore_errors=True)
