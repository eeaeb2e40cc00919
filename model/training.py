"""The fit: mean pinball loss, AdamW, early stopping on validation; reproducible from its seed on CPU.

The untrained network counts as epoch 0. It is naive + EWMA bands, so the weights that are kept are
never worse on validation than that baseline.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from model.baselines import empirical_quantiles
from model.dataset import Windows, read_columns, read_windows, training_batches
from model.features import CLIP, FeatureSpec
from model.metrics import pinball
from model.network import build_network
from model.shrinkage import choose_weight, shrink

PREDICT_ROWS = 4096


class TrainingError(Exception):
    """The windows cannot be trained on; says why."""


@dataclass(frozen=True)
class Epoch:
    """One pass: mean pinball losses in sigmas, wall seconds since the fit began."""

    number: int
    train_pinball: float
    val_pinball: float
    seconds: float


@dataclass(frozen=True)
class Fit:
    """A fitted network.

    Attributes:
        network: with the best weights.
        base: quantiles of z of the training windows, which its heads stand on.
        epochs: number 0 is the untrained network.
        best: number of the epoch whose weights were kept.
        validation: the windows that chose it.
        median_weight: λ of `model.shrinkage`, chosen on them.
        quantiles: (rows, levels) of z on them, after λ.
        train_rows: windows trained on.
        seconds: wall seconds of the fit.
    """

    network: Any
    base: tuple[float, ...]
    epochs: tuple[Epoch, ...]
    best: int
    validation: Windows
    median_weight: float
    quantiles: npt.NDArray[np.float64]
    train_rows: int
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


def fit(
    windows_dir: Path,
    spec: FeatureSpec,
    settings: ModelSettings,
    on_epoch: Callable[[Epoch], None] = lambda _: None,
) -> Fit:
    """Train on ``part=volatile-train`` and choose the best epoch on ``part=volatile-validation``.

    Args:
        windows_dir: a staged snapshot.
        spec: what its columns mean.
        settings: optimiser, epochs, patience, seed, time limit.
        on_epoch: called after each epoch.

    Raises:
        TrainingError: if a part is empty.
    """
    began = time.monotonic()
    train_dir = windows_dir / "part=volatile-train"
    if not train_dir.is_dir() or not (windows_dir / "part=volatile-validation").is_dir():
        message = (
            f"{windows_dir} has no training or no validation windows; is the history too short?"
        )
        raise TrainingError(message)
    fix_randomness(settings)
    targets = read_columns(train_dir, ["target_z"])["target_z"].astype(np.float64)
    steps = len(targets) // settings.batch_size
    if steps == 0:
        message = f"{len(targets)} training windows do not fill one batch of {settings.batch_size}"
        raise TrainingError(message)
    base = empirical_quantiles(targets, QUANTILES)
    validation = read_windows(windows_dir / "part=volatile-validation", spec)
    network = build_network(spec, base)
    run = TrainingRun(network, settings, validation, began)
    epochs = [run.untrained()]
    with training_batches(
        train_dir,
        spec,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=settings.seed,
    ) as batches:
        for number in range(1, settings.epochs + 1):
            epochs.append(run.epoch(number, batches, steps))
            on_epoch(epochs[-1])
            if run.is_over(number):
                break
    network.set_weights(run.best_weights)
    quantiles = predict(network, validation)
    weight = choose_weight(validation.z, quantiles[:, len(QUANTILES) // 2])
    return Fit(
        network=network,
        base=base,
        epochs=tuple(epochs),
        best=run.best,
        validation=validation,
        median_weight=weight,
        quantiles=shrink(quantiles, weight),
        train_rows=len(targets),
        seconds=time.monotonic() - began,
    )


class TrainingRun:
    """The state of one fit: optimiser, best weights so far, patience.

    Attributes:
        best: epoch with the lowest pinball loss on the validation windows; 0 is the untrained one.
        best_pinball: that loss.
        best_weights: the network's weights then.
    """

    def __init__(
        self, network: Any, settings: ModelSettings, validation: Windows, began: float
    ) -> None:
        self._network = network
        self._settings = settings
        self._validation = validation
        self._began = began
        self._step = _training_step(network, settings, QUANTILES)
        self.best = 0
        self.best_pinball = float("inf")
        self.best_weights = network.get_weights()

    def untrained(self) -> Epoch:
        """Return the loss of the network as it was built."""
        return self._judge(0, float("nan"))

    def epoch(self, number: int, batches: Iterator[Any], steps: int) -> Epoch:
        """Train on `steps` batches, or those that are left."""
        total, count = 0.0, 0
        for _ in range(steps):
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
        loss = pinball(self._validation.z, predict(self._network, self._validation), QUANTILES)
        if loss < self.best_pinball:
            self.best, self.best_pinball = number, loss
            self.best_weights = self._network.get_weights()
        return Epoch(number, train, loss, time.monotonic() - self._began)


def _training_step(network: Any, settings: ModelSettings, levels: Sequence[float]) -> Any:
    optimiser = keras.optimizers.AdamW(
        settings.learning_rate, weight_decay=settings.weight_decay, clipnorm=1.0
    )
    optimiser.build(network.trainable_variables)
    level = tf.constant(levels, dtype=tf.float32)

    @tf.function(reduce_retracing=True)  # type: ignore[untyped-decorator]  # no types in tensorflow
    def step(inputs: Any, z: Any) -> Any:
        target = tf.clip_by_value(z, -CLIP, CLIP)[:, None]
        with tf.GradientTape() as tape:
            error = target - network(inputs, training=True)
            loss = tf.reduce_mean(tf.maximum(level * error, (level - 1.0) * error))
        gradients = tape.gradient(loss, network.trainable_variables)
        optimiser.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return loss

    return step


def predict(network: Any, windows: Windows) -> npt.NDArray[np.float64]:
    """Return (rows, levels) quantiles of z."""
    blocks = []
    for start in range(0, len(windows.z), PREDICT_ROWS):
        rows = {name: a[start : start + PREDICT_ROWS] for name, a in windows.inputs.items()}
        blocks.append(np.asarray(network(rows, training=False), dtype=np.float64))
    return np.concatenate(blocks)
