"""The champion's members fitted on a staged snapshot of windows, composed, and what they begin with.

Networks read their batches through Petastorm; models of flat tables read the windows into memory
through it. The steps are those of the evaluation: mean over seeds, mean over members, λ; and the
states of guard and calibration from the windows that validated.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from conf.champion import ChampionSettings
from conf.model import Cell, ModelSettings
from model.baselines import empirical_quantiles
from model.calibration import CoinState
from model.composition import Composed, Member, mean
from model.conformal import calibrate_coins, initial_state
from model.dataset import Windows, read_columns, read_windows, training_batches
from model.feature_spec import FeatureSpec
from model.forecasters.forecaster import LEVELS, Fitted, Forecaster
from model.forecasters.recurrent import Recurrent, train
from model.forecasters.servable import SERVABLE
from model.guard import State as GuardState
from model.guard import guard_coins
from model.lifecycle.drift import Reference, reference
from model.shrinkage import choose_weight, shrink
from model.stable import StableRule, fit_stable

if TYPE_CHECKING:
    from model.training import Epoch

Floats = npt.NDArray[np.float64]

MIDDLE = len(LEVELS) // 2
TRAIN, VALIDATION = "part=volatile-train", "part=volatile-validation"
STABLE_TRAIN, STABLE_VALIDATION = "part=stable-train", "part=stable-validation"


TrainNetwork = Callable[[Cell, ModelSettings], Fitted]
"""Trains one network on a staged snapshot, with the seed of the settings."""


class TrainingError(Exception):
    """The windows cannot be trained on; says why."""


@dataclass(frozen=True)
class Told:
    """An epoch of one network, for a progress display and for curves."""

    member: str
    seed: int
    epoch: Epoch


@dataclass(frozen=True)
class ChampionFit:
    """A fitted composition.

    Attributes:
        composed: members and λ.
        seeds: of the fits of members that depend on one.
        base: quantiles of z of the training windows, which the bands stand on.
        stable: rule of each stable coin.
        states: what guard and calibration of each coin begin with.
        inputs: how the watched features were distributed in training.
        epochs: of the networks, in the order of training.
        validation: the windows that stopped the training and chose λ.
        quantiles: (rows, levels) of z on them, as composed.
        train_rows: windows trained on.
        seconds: wall seconds of the fit.
    """

    composed: Composed
    seeds: tuple[int, ...]
    base: tuple[float, ...]
    stable: dict[str, StableRule]
    states: dict[str, CoinState]
    inputs: Reference
    epochs: tuple[Told, ...]
    validation: Windows
    quantiles: Floats
    train_rows: int
    seconds: float


def fit_champion(
    windows_dir: Path,
    spec: FeatureSpec,
    settings: ModelSettings,
    champion: ChampionSettings,
    on_epoch: Callable[[Told], None] = lambda _: None,
    train_network: TrainNetwork | None = None,
) -> ChampionFit:
    """Fit every member on ``part=volatile-train``; ``part=volatile-validation`` chooses.

    Args:
        windows_dir: a staged snapshot.
        spec: what its columns mean.
        settings: optimiser, epochs, patience, seeds, time limit of each network.
        champion: the composition.
        on_epoch: called after each epoch of a network.
        train_network: trains the networks instead of this process, such as several workers do
            (`model.distributed`).

    Raises:
        TrainingError: if a part is empty or a member cannot be served.
        ForecasterError: if a member cannot be fitted here.
    """
    began = time.monotonic()
    forecasters = _forecasters(champion)
    if not (windows_dir / TRAIN).is_dir() or not (windows_dir / VALIDATION).is_dir():
        message = (
            f"{windows_dir} has no training or no validation windows; is the history too short?"
        )
        raise TrainingError(message)
    validation = read_windows(windows_dir / VALIDATION, spec)
    told: list[Told] = []

    def tell(one: Told) -> None:
        told.append(one)
        on_epoch(one)

    source = _Source(windows_dir / TRAIN, spec, settings, validation, tell, train_network)
    seeds = tuple(range(settings.seed, settings.seed + settings.fits))
    members = tuple(_member(forecaster, seeds, source) for forecaster in forecasters)
    said = mean([member.quantiles(validation) for member in members])
    weight = choose_weight(validation.z, said[:, MIDDLE]) if champion.is_shrunk else 1.0
    composed = Composed(members, weight)
    quantiles = shrink(said, weight)
    stable = _stable_rules(windows_dir, spec, source.base)
    return ChampionFit(
        composed=composed,
        seeds=seeds,
        base=source.base,
        stable=stable,
        states=_states(windows_dir, validation, quantiles, stable, champion),
        inputs=source.inputs,
        epochs=tuple(told),
        validation=validation,
        quantiles=quantiles,
        train_rows=source.rows,
        seconds=time.monotonic() - began,
    )


def _forecasters(champion: ChampionSettings) -> list[Forecaster]:
    unknown = [name for name in champion.members if name not in SERVABLE]
    if unknown:
        message = (
            f"NEXTHOUR_CHAMPION_MEMBERS: {', '.join(unknown)} cannot be served; "
            f"there are {', '.join(SERVABLE)}"
        )
        raise TrainingError(message)
    return [SERVABLE[name] for name in champion.members]


class _Source:
    """The training windows of a snapshot, as batches or in memory."""

    def __init__(
        self,
        folder: Path,
        spec: FeatureSpec,
        settings: ModelSettings,
        validation: Windows,
        tell: Callable[[Told], None],
        train_network: TrainNetwork | None,
    ) -> None:
        self._train_network = train_network
        self._folder = folder
        self._spec = spec
        self._settings = settings
        self._validation = validation
        self._tell = tell
        self._windows: Windows | None = None
        columns = read_columns(folder, ["target_z", "static", "open_time_ms"])
        self.rows = len(columns["target_z"])
        self._steps = self.rows // settings.batch_size
        if self._steps == 0:
            message = f"{self.rows} training windows do not fill one batch of {settings.batch_size}"
            raise TrainingError(message)
        self.base = empirical_quantiles(columns["target_z"].astype(np.float64), LEVELS)
        self.inputs = reference(columns["static"][:, : spec.own_width], columns["open_time_ms"])

    def fit(self, forecaster: Forecaster, seed: int) -> Fitted:
        """Fit one forecaster with one seed."""
        if isinstance(forecaster, Recurrent):
            return self._fit_network(forecaster, seed)
        if self._windows is None:
            self._windows = read_windows(self._folder, self._spec)
        return forecaster.fit(self._windows, self._validation, seed)

    def _fit_network(self, forecaster: Recurrent, seed: int) -> Fitted:
        settings = self._settings.model_copy(update={"seed": seed})
        if self._train_network is not None:
            return self._train_network(forecaster.cell, settings)

        def tell(epoch: Epoch) -> None:
            self._tell(Told(forecaster.name, seed, epoch))

        return train(
            forecaster.cell,
            self._spec,
            self.base,
            settings,
            self._validation,
            self._batches(settings),
            self._steps,
            tell,
        )

    @contextmanager
    def _batches(self, settings: ModelSettings) -> Iterator[Callable[[int], Iterator[Any]]]:
        with training_batches(
            self._folder,
            self._spec,
            batch_size=settings.batch_size,
            epochs=settings.epochs,
            seed=settings.seed,
        ) as batches:
            yield lambda _: batches


def _member(forecaster: Forecaster, seeds: tuple[int, ...], source: _Source) -> Member:
    used = seeds if forecaster.is_seeded else seeds[:1]
    return Member(forecaster.name, tuple(source.fit(forecaster, seed) for seed in used))


def _stable_rules(
    windows_dir: Path, spec: FeatureSpec, base: tuple[float, ...]
) -> dict[str, StableRule]:
    """Return the rule of each stable coin, fitted on its training windows."""
    folder = windows_dir / STABLE_TRAIN
    known = read_columns(folder, ("symbol", "target_z", "last_close")) if folder.is_dir() else None
    rules = {}
    for symbol in spec.symbols:
        if symbol in spec.stable:
            rows = known["symbol"] == symbol if known else np.zeros(0, dtype=bool)
            z = known["target_z"][rows].astype(np.float64) if known else np.zeros(0)
            closes = known["last_close"][rows].astype(np.float64) if known else np.zeros(0)
            rules[symbol] = fit_stable(z, closes, LEVELS, base)
    return rules


def _states(
    windows_dir: Path,
    validation: Windows,
    quantiles: Floats,
    stable: dict[str, StableRule],
    champion: ChampionSettings,
) -> dict[str, CoinState]:
    """Return the states after the validation windows, hour by hour as they would be live."""
    guards: dict[str, GuardState] = {}
    if champion.is_guarded:
        quantiles, _, guards = guard_coins(
            validation.symbols,
            validation.open_time_ms,
            quantiles,
            validation.sigma,
            validation.z,
        )
    _, bands = calibrate_coins(validation.symbols, quantiles, validation.z, LEVELS)
    folder = windows_dir / STABLE_VALIDATION
    if folder.is_dir():
        own = read_columns(folder, ("symbol", "open_time_ms", "sigma", "last_close", "target_z"))
        order = np.argsort(own["open_time_ms"], kind="stable")
        own = {name: values[order] for name, values in own.items()}
        ruled = np.array(
            [
                stable[symbol].quantiles_of_z(float(close), float(sigma))
                for symbol, close, sigma in zip(
                    own["symbol"], own["last_close"], own["sigma"], strict=True
                )
            ]
        )
        z = own["target_z"].astype(np.float64)
        bands |= calibrate_coins(own["symbol"], ruled, z, LEVELS)[1]
    return {
        str(symbol): CoinState(
            guards.get(symbol, GuardState()), bands.get(symbol, initial_state(LEVELS))
        )
        for symbol in sorted({*guards, *bands})
    }
