"""The networks of `model.network` as forecasters: LSTM, GRU, bi-LSTM; stopped early, shrunk by λ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from conf.model import Cell, ModelSettings
from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.feature_spec import STATIC_NAMES, FeatureSpec
from model.forecasters.forecaster import LEVELS
from model.shrinkage import shrink, weight_on

if TYPE_CHECKING:
    from model.network import Infer
    from model.training import Epoch

Floats = npt.NDArray[np.float64]
Batches = Iterator[tuple[dict[str, Any], Any]]

NO_LIMIT_S = float("inf")  # a fit that the clock ends would not be the same twice


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network with its λ.

    Attributes:
        network: Keras model with the best weights.
        weight: λ of `model.shrinkage`, chosen on validation.
        epochs: of the fit, the untrained network first; empty once loaded.
        best: number of the epoch whose weights were kept.
    """

    network: Any
    weight: float
    epochs: tuple[Epoch, ...] = ()
    best: int = 0

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z."""
        from model.network import in_blocks

        return shrink(in_blocks(self._infer, rows.inputs), self.weight)

    @cached_property
    def _infer(self) -> Infer:
        from model.network import traced

        return traced(self.network)

    @property
    def digest(self) -> str:
        """SHA-256 of the weights; unlike the archive's it holds no date."""
        from model.network import weights_hash

        return weights_hash(self.network)

    def save(self, folder: Path, stem: str) -> dict[str, Any]:
        """Write one `.keras` archive."""
        from model.network import save_network

        save_network(self.network, folder / f"{stem}.keras")
        return {"kind": "network", "file": f"{stem}.keras", "weight": self.weight}

    @classmethod
    def load(cls, folder: Path, entry: Mapping[str, Any]) -> FittedNetwork:
        """Return what `save` wrote; the archive was checked (`model.archive`)."""
        from model.network import load_network

        return cls(load_network(folder / str(entry["file"])), float(entry["weight"]))


@dataclass(frozen=True)
class Recurrent:
    """A pooled recurrent network with quantile heads, early stopping on validation pinball.

    Attributes:
        cell: of the recurrent layer.
        settings: optimiser, epochs and patience.
    """

    cell: Cell = "lstm"
    settings: ModelSettings | None = None

    is_seeded = True

    @property
    def name(self) -> str:
        """As in `--models`."""
        return self.cell.replace("-", "")

    def fit(self, rows: Windows, validation: Windows, seed: int) -> FittedNetwork:
        """Train on `rows`; the untrained network is epoch 0, so validation never ends below it."""
        settings = (self.settings or ModelSettings(threads=1)).model_copy(
            update={"seed": seed, "fit_seconds": NO_LIMIT_S}
        )
        size = min(settings.batch_size, len(rows.z))

        def batches(number: int) -> Batches:
            order = np.random.default_rng((seed, number)).permutation(len(rows.z))
            return _batches(rows, order, size)

        return train(
            self.cell,
            _spec(rows),
            empirical_quantiles(rows.z, LEVELS),
            settings,
            validation,
            nullcontext(batches),
            len(rows.z) // size,
        )


def train(
    cell: Cell,
    spec: FeatureSpec,
    base: tuple[float, ...],
    settings: ModelSettings,
    validation: Windows,
    batches: AbstractContextManager[Callable[[int], Batches]],
    steps: int,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> FittedNetwork:
    """Return a trained network, wherever its batches come from.

    Args:
        cell: of the recurrent layer.
        spec: widths of the inputs.
        base: empirical quantiles of z on the training windows.
        settings: optimiser, epochs, patience, seed, time limit.
        validation: chooses the epoch and λ.
        batches: gives, by an epoch's number, its batches of (inputs, z).
        steps: batches of an epoch.
        on_epoch: called after each epoch, the untrained one included.
    """
    from model.network import build_network
    from model.training import TrainingRun, fix_randomness

    fix_randomness(settings)
    network = build_network(spec, base, cell)
    run = TrainingRun(network, settings, validation, steps)
    epochs = [run.untrained()]
    on_epoch(epochs[0])
    with batches as of_epoch:
        for number in range(1, settings.epochs + 1):
            epochs.append(run.epoch(number, of_epoch(number)))
            on_epoch(epochs[-1])
            if run.is_over(number):
                break
    network.set_weights(run.best_weights)
    return chosen_weight(FittedNetwork(network, 1.0, tuple(epochs), run.best), validation)


def chosen_weight(fitted: FittedNetwork, validation: Windows) -> FittedNetwork:
    """Return the network, whose λ is still 1, with the one that is best on validation."""
    return replace(fitted, weight=weight_on(validation, fitted))


def _spec(rows: Windows) -> FeatureSpec:
    """Return a spec of the rows' widths; the network takes nothing else from it."""
    coins = rows.inputs["connected"].shape[1] // 2
    outside = (rows.inputs["static"].shape[1] - len(STATIC_NAMES)) // 2
    return FeatureSpec(
        tuple(str(coin) for coin in range(coins)),
        exogenous=tuple(str(column) for column in range(outside)),
    )


def _batches(rows: Windows, order: npt.NDArray[np.int64], size: int) -> Batches:
    """Yield batches of one size; the few rows left over come again in the next pass's order."""
    import tensorflow as tf

    z = rows.z.astype(np.float32)
    for start in range(0, len(order) - size + 1, size):
        chosen = np.sort(order[start : start + size])
        inputs = {name: tf.constant(values[chosen]) for name, values in rows.inputs.items()}
        yield inputs, tf.constant(z[chosen])
