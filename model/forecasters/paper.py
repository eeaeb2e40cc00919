"""The paper's own model, kept as a warning row: an LSTM that predicts the scaled close itself.

Thapa 2022: the close is scaled to 0 … 1 by the smallest and the largest of training, an LSTM over
the last 24 closes and a dense tanh unit are trained by squared error to give the next one. It has
to find the last close to a third of a percent before it can add anything, and it cannot leave the
range it was trained on; several times worse than the last close is what to expect of it.

One network serves all coins, each in its own range. TensorFlow is imported only to fit; scoring
takes the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.dataset import Windows
from model.forecasters.banded import with_bands
from model.forecasters.columns import Column, column
from model.forecasters.forecaster import Fitted

Floats = npt.NDArray[np.float64]

LOOK_BACK_HOURS = 24
UNITS = 64
EPOCHS = 4
BATCH_ROWS = 256
MAX_TRAINING_ROWS = 60_000
"""A sample of the rows: more does not help what cannot work."""

SCORING_ROWS = 256
"""Rows of a matrix product, always: with another number the last bits of a row may differ."""

MIN_SHARE = 0.01
"""The forecast is at least this share of the last close, so that it has a logarithm."""


@dataclass(frozen=True)
class Levels:
    """The network's weights and the coins' ranges.

    Attributes:
        ranges: coin → smallest and largest close of its training rows, quote units.
        weights: input, recurrent and bias of the LSTM (gates in the order of Keras: input, forget,
            cell, output), then weight and bias of the dense unit.
    """

    ranges: Mapping[str, tuple[float, float]]
    weights: tuple[Floats, ...]

    def __call__(self, rows: Windows) -> Floats:
        """Return (rows,) of z."""
        low, span = scales(rows, self.ranges)
        closes = (last_closes(rows) - low[:, None]) / span[:, None]
        price = low + span * self.following(closes)
        price = np.maximum(price, MIN_SHARE * rows.last_close)
        z: Floats = np.log(price / rows.last_close) / rows.sigma
        return z

    def following(self, closes: Floats) -> Floats:
        """Return (rows,) of the next scaled close for (rows, `LOOK_BACK_HOURS`) scaled ones."""
        count = len(closes)
        out = np.empty(count)
        for start in range(0, count, SCORING_ROWS):
            block = np.zeros((SCORING_ROWS, LOOK_BACK_HOURS))
            block[: count - start] = closes[start : start + SCORING_ROWS]
            out[start : start + SCORING_ROWS] = self._block(block)[: count - start]
        return out

    def _block(self, closes: Floats) -> Floats:
        entry, recurrent, bias, dense, dense_bias = self.weights
        hidden = cell = np.zeros((len(closes), UNITS))
        for step in range(LOOK_BACK_HOURS):
            gates = closes[:, step : step + 1] * entry[0] + hidden @ recurrent + bias
            take, forget, candidate, give = np.split(gates, 4, axis=1)
            cell = _sigmoid(forget) * cell + _sigmoid(take) * np.tanh(candidate)
            hidden = _sigmoid(give) * np.tanh(cell)
        level: Floats = np.tanh((hidden @ dense)[:, 0] + dense_bias[0])
        return level


@dataclass(frozen=True)
class PaperLstm:
    """The MinMax level LSTM with a tanh output."""

    name = "paper"
    is_seeded = True

    def fit(self, rows: Windows, validation: Windows, seed: int) -> Fitted:
        """Train on a sample of `rows` for a fixed number of passes; `validation` is not used."""
        ranges = {}
        for symbol in sorted(set(rows.symbols.tolist())):
            closes = rows.last_close[rows.symbols == symbol]
            ranges[str(symbol)] = (float(closes.min()), float(closes.max()))
        known = np.flatnonzero(np.isfinite(rows.z))
        count = min(MAX_TRAINING_ROWS, len(known))
        chosen = np.random.default_rng(seed).choice(known, count, replace=False)
        low, span = scales(rows, ranges)
        closes = ((last_closes(rows) - low[:, None]) / span[:, None])[chosen]
        target = ((rows.last_close * np.exp(rows.sigma * rows.z) - low) / span)[chosen]
        return with_bands(Levels(ranges, train(closes, target, seed)), rows)


def last_closes(rows: Windows) -> Floats:
    """Return (rows, `LOOK_BACK_HOURS`) closes in quote units, the last known one last.

    They are taken back from the scaled returns; a return beyond the features' clip is shortened.
    """
    closes = np.empty((len(rows.z), LOOK_BACK_HOURS))
    moved = np.zeros(len(rows.z))
    for lag in range(LOOK_BACK_HOURS):
        closes[:, LOOK_BACK_HOURS - 1 - lag] = rows.last_close * np.exp(-moved)
        moved += rows.sigma * column(rows, Column("own_return", lag))
    return closes


def scales(rows: Windows, ranges: Mapping[str, tuple[float, float]]) -> tuple[Floats, Floats]:
    """Return (rows,) smallest close and range of the row's coin.

    A coin that was not there in training has the range from 0 to twice its last close.
    """
    low, span = np.zeros(len(rows.z)), 2.0 * rows.last_close
    for symbol, (smallest, largest) in ranges.items():
        own = rows.symbols == symbol
        low[own] = smallest
        span[own] = max(largest - smallest, MIN_SHARE * smallest)
    return low, span


def train(closes: Floats, target: Floats, seed: int, epochs: int = EPOCHS) -> tuple[Floats, ...]:
    """Return the weights after so many passes of Adam on squared error.

    Args:
        closes: (rows, `LOOK_BACK_HOURS`), scaled.
        target: (rows,), scaled.
        seed: of the first weights and of the order of the rows.
        epochs: passes.
    """
    import keras

    from conf.model import ModelSettings
    from model.training import fix_randomness

    fix_randomness(ModelSettings(threads=1, seed=seed))
    network = keras.Sequential(
        [
            keras.Input((LOOK_BACK_HOURS, 1)),
            keras.layers.LSTM(UNITS),
            keras.layers.Dense(1, activation="tanh"),
        ]
    )
    network.compile(optimizer="adam", loss="mse")
    network.fit(
        closes[:, :, None].astype(np.float32),
        target.astype(np.float32),
        batch_size=BATCH_ROWS,
        epochs=epochs,
        verbose=0,
    )
    return tuple(np.asarray(weight, dtype=np.float64) for weight in network.get_weights())


def _sigmoid(values: Floats) -> Floats:
    # By the hyperbolic tangent: no overflow.
    result: Floats = 0.5 * (1.0 + np.tanh(0.5 * values))
    return result
