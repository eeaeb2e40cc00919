"""The network of `model.network` as a forecaster: trained in memory, stopped early, shrunk by λ."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from conf.model import ModelSettings
from model.baselines import empirical_quantiles
from model.dataset import Windows
from model.evaluation.forecaster import LEVELS, Fitted
from model.feature_spec import FeatureSpec
from model.shrinkage import choose_weight, shrink

Floats = npt.NDArray[np.float64]

NO_LIMIT_S = float("inf")  # a fit that the clock ends would not be the same twice


@dataclass(frozen=True)
class FittedNetwork:
    """A trained network with its λ.

    Attributes:
        network: Keras model with the best weights.
        weight: λ of `model.shrinkage`, chosen on validation.
    """

    network: Any
    weight: float

    def quantiles(self, rows: Windows) -> Floats:
        """Return (rows, `LEVELS`) quantiles of z."""
        from model.training import predict

        return shrink(predict(self.network, rows), self.weight)


class Lstm:
    """The pooled LSTM with quantile heads, early stopping on validation pinball.

    Attributes:
        settings: optimiser, epochs and patience; its time limit is not used.
    """

    name = "lstm"
    is_seeded = True

    def __init__(self, settings: ModelSettings | None = None) -> None:
        self.settings = settings or ModelSettings(threads=1)

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Train on `rows`; the untrained network is epoch 0, so validation never ends below it."""
        from model.network import build_network
        from model.training import TrainingRun, fix_randomness, predict

        settings = self.settings.model_copy(update={"seed": seed, "fit_seconds": NO_LIMIT_S})
        fix_randomness(settings)
        network = build_network(_spec(rows), empirical_quantiles(rows.z, LEVELS))
        # the same loop that trains what serves
        run = TrainingRun(network, settings, validation, began=0.0)
        run.untrained()
        size = min(settings.batch_size, len(rows.z))
        for number in range(1, settings.epochs + 1):
            order = np.random.default_rng((seed, number)).permutation(len(rows.z))
            run.epoch(number, _batches(rows, order, size), len(order) // size)
            if run.is_over(number):
                break
        network.set_weights(run.best_weights)
        median = predict(network, validation)[:, len(LEVELS) // 2]
        return FittedNetwork(network, choose_weight(validation.z, median))


def _spec(rows: Windows) -> FeatureSpec:
    """Return a spec of the rows' widths; the network takes nothing else from it."""
    coins = rows.inputs["connected"].shape[1] // 2
    return replace(FeatureSpec(()), symbols=tuple(str(coin) for coin in range(coins)))


def _batches(
    rows: Windows, order: npt.NDArray[np.int64], size: int
) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield batches of one size; the few rows left over come again in the next pass's order."""
    import tensorflow as tf

    z = rows.z.astype(np.float32)
    for start in range(0, len(order) - size + 1, size):
        chosen = np.sort(order[start : start + size])
        inputs = {name: tf.constant(values[chosen]) for name, values in rows.inputs.items()}
        yield inputs, tf.constant(z[chosen])
