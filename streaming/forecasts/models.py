"""The versions that score now: what the registry's aliases name, loaded in the background, swapped whole."""

from __future__ import annotations

import importlib
import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pandas as pd
import structlog

from conf.connections.s3 import open_s3
from conf.names import Namespace, epoch_ms
from conf.settings import S3Settings
from model.calibration import CoinState, Steps
from model.features import FeatureSpec, build_rows
from model.inference import Scored, Scorer, features_parquet
from model.registry import CHAMPION, AliasRef, Registry
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
        """Exchange time after which its members must not be used."""

    @property
    def seeds(self) -> Mapping[str, CoinState]:
        """What guard and calibration begin with where nothing was published yet."""

    def steps(self, symbol: str) -> Steps:
        """Return what a coin's quantiles go through before they are published."""

    def score(self, features_dir: Path) -> list[Scored]:
        """Score the Parquet files of one hour."""

    def baseline(self, symbol: str, last_close: float, sigma: float) -> Scored:
        """Return naive + EWMA bands."""


@dataclass(frozen=True)
class LoadedModel:
    """A version ready to score. `since_ms` is the wall time at which its alias was written."""

    version: str
    scorer: LoadedScorer
    since_ms: int


class AliasSource:
    """An alias of the registry as the watcher needs it.

    Args:
        settings: of the store.
        namespace: whose registry.
        alias: `CHAMPION` or `SHADOW`.
    """

    def __init__(self, settings: S3Settings, namespace: Namespace, alias: str = CHAMPION) -> None:
        self.alias = alias
        self._registry = Registry(open_s3(settings), settings.bucket, namespace.s3_prefix)

    def reference(self) -> AliasRef | None:
        """Return what the alias names, None if it names nothing."""
        return self._registry.alias(self.alias)

    def load(self, reference: AliasRef, folder: Path) -> LoadedModel:
        """Fetch, verify and load a version.

        Raises:
            Exception: whatever the store, the verification or the load had to say.
        """
        since = self._registry.changed_at(self.alias)
        local = folder / reference.version
        self._registry.fetch(reference.version, local, sha256=reference.sha256)
        scorer = Scorer.load(local)
        _warm_up(scorer, folder / ".warm-up")
        return LoadedModel(reference.version, scorer, epoch_ms(since) if since else 0)


def _warm_up(scorer: LoadedScorer, folder: Path) -> None:
    """Take the way of an hour once, so that the first one does not pay for it (2 s were seen)."""
    nothing = pd.DataFrame(columns=PANEL_COLUMNS).astype({"open_time_ms": "int64"})
    rows = build_rows(nothing, scorer.spec.symbols, [0], spec=scorer.spec)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "features.parquet").write_bytes(features_parquet(rows))
    scorer.score(folder)


class ModelWatcher:
    """Keeps `current` at what an alias names; a version that fails to load leaves the one before.

    `current` is swapped in one assignment: an hour is scored by one version from start to end.

    Args:
        source: the alias.
        folder: local folder for fetched versions; only the newest stays.
    """

    def __init__(self, source: AliasSource, folder: Path) -> None:
        self._source = source
        self._folder = folder
        self._current: LoadedModel | None = None
        self._stopped = threading.Event()
        self._last_fault = ""

    @property
    def current(self) -> LoadedModel | None:
        """The model to score with, None as long as the alias names none."""
        return self._current

    def check(self) -> None:
        """Look at the alias once and load what it names, if that is not loaded yet.

        Never raises: the registry may be away, and a version may be unusable; both are logged
        once and tried again at the next check.
        """
        try:
            reference = self._source.reference()
            if reference is None:
                self._current = None
                return
            if self._is_current(reference):
                return
            loaded = self._source.load(reference, self._folder)
        except Exception as error:
            self._report(error)
            return
        self._current = loaded
        self._last_fault = ""
        log.info(
            "model loaded",
            alias=self._source.alias,
            version=loaded.version,
            status=reference.status,
        )
        self._remove_others(loaded.version)

    def start(self, is_alive: Callable[[], bool]) -> None:
        """Watch in a daemon thread until `stop` or until `is_alive` says no."""
        threading.Thread(
            target=self._watch, args=(is_alive,), name=f"{self._source.alias} model", daemon=True
        ).start()

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

    def _is_current(self, reference: AliasRef) -> bool:
        return self._current is not None and self._current.version == reference.version

    def _report(self, error: Exception) -> None:
        fault = f"{type(error).__name__}: {error}"
        if fault != self._last_fault:
            self._last_fault = fault
            kept = self._current.version if self._current else None
            log.warning("version not loaded, trying again", error=fault, kept=kept)

    def _remove_others(self, version: str) -> None:
        for path in self._folder.iterdir():
            if path.name != version:
                shutil.rmtree(path, ignore_errors=True)
