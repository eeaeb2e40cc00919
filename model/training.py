"""The loop that trains a network: mean pinball loss, AdamW, early stopping; reproducible on CPU.

The untrained network counts as epoch 0. It is naive + EWMA bands, so the weights that are kept are
never worse on validation than that baseline. Imports TensorFlow.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from model.dataset import Windows
from model.feature_spec import CLIP
from model.metrics import pinball
from model.network import in_blocks, traced


@dataclass(frozen=True)
class Epoch:
    """One pass: mean pinball losses in sigmas, wall seconds since the fit began."""

    number: int
    train_pinball: float
    val_pinball: float
    seconds: float


def fix_randomness(settings: ModelSettings) -> None:
    """Seed everything and make TensorFlow's operations deterministic; call before any other use.

    Thread counts can be set only once per process; a second call keeps the first ones.
    """
    keras.utils.set_random_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()
    try:
        tf.config.threading.set_intra_op_parallelism_threads(settings.threads)
        tf.config.threading.set_inter_op_parallelism_threads(settings.threads)
    except RuntimeError:  # TensorFlow already runs
        return


class TrainingRun:
    """The state of one fit: optimiser, best weights so far, patience.

    Attributes:
        best: epoch with the lowest pinball loss on the validation windows; 0 is the untrained one.
        best_pinball: that loss.
        best_weights: the network's weights then.
    """

    def __init__(
        self,
        network: Any,
        settings: ModelSettings,
        validation: Windows,
        steps: int,
        strategy: Any = None,
    ) -> None:
        """Take the network and what judges it; `strategy` shares its steps with other workers."""
        self._network = network
        self._settings = settings
        self._validation = validation
        self._steps = steps
        self._began = time.monotonic()
        self._step = training_step(network, settings, QUANTILES, strategy)
        self._infer = traced(network)
        self.best = 0
        self.best_pinball = float("inf")
        self.best_weights = network.get_weights()

    def untrained(self) -> Epoch:
        """Return the loss of the network as it was built."""
        return self._judge(0, float("nan"))

    def epoch(self, number: int, batches: Iterator[Any]) -> Epoch:
        """Train on an epoch's batches, or those that are left."""
        total, count = 0.0, 0
        for _ in range(self._steps):
            batch = next(batches, None)
            if batch is None:
                break
            total += float(self._step(*batch))
            count += 1
        return self._judge(number, total / max(count, 1))

    def is_over(self, number: int) -> bool:
        """Tell whether patience or time is used up."""
        late = time.monotonic() - self._began > self._settings.fit_seconds
        return late or number - self.best >= self._settings.patience

    def _judge(self, number: int, train: float) -> Epoch:
        quantiles = in_blocks(self._infer, self._validation.inputs)
        loss = pinball(self._validation.z, quantiles, QUANTILES)
        if loss < self.best_pinball:
            self.best, self.best_pinball = number, loss
            self.best_weights = self._network.get_weights()
        return Epoch(number, train, loss, time.monotonic() - self._began)


def training_step(
    network: Any, settings: ModelSettings, levels: Sequence[float], strategy: Any = None
) -> Any:
    """Return a function of (inputs, z) that takes one step and returns its loss.

    Args:
        network: built, in the strategy's scope if there is one.
        settings: of the optimiser; `batch_size` is that of all workers together.
        levels: of the quantiles.
        strategy: of `tf.distribute`; then each worker calls with its own share of a batch, and the
            gradients are summed over all of them.
    """
    optimiser = keras.optimizers.AdamW(
        settings.learning_rate, weight_decay=settings.weight_decay, clipnorm=1.0
    )
    optimiser.build(network.trainable_variables)  # before any trace, and in the strategy's scope
    level = tf.constant(levels, dtype=tf.float32)

    def gradient_step(inputs: Any, z: Any) -> Any:
        target = tf.clip_by_value(z, -CLIP, CLIP)[:, None]
        rows = tf.cast(tf.shape(z)[0] if strategy is None else settings.batch_size, tf.float32)
        with tf.GradientTape() as tape:
            error = target - network(inputs, training=True)
            loss = tf.reduce_sum(tf.maximum(level * error, (level - 1.0) * error))
            loss = loss / (rows * len(levels))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimiser.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # no types in tensorflow
    def step(inputs: Any, z: Any) -> Any:
        if strategy is None:
            return gradient_step(inputs, z)
        return strategy.reduce("SUM", strategy.run(gradient_step, (inputs, z)), axis=None)

    return step
