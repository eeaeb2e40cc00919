"""The network: an LSTM (or GRU, or bi-LSTM) whose output is, before training, exactly naive + EWMA bands.

Imports TensorFlow: import this module only where a network is built or loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from keras import layers, ops

from conf.model import Cell
from model.features import CONTEXT_HOURS, FeatureSpec

UNITS: dict[Cell, int] = {"lstm": 32, "gru": 32, "bi-lstm": 24}
EMBEDDING_UNITS = 4
CONNECTED_UNITS = 8
DENSE_UNITS = 32
DROPOUT = 0.2
MAX_LOCATION = 0.5  # sigmas: the bounded tanh of the location
MAX_LOG_SCALE = 2.0
BLOCK_ROWS = 4096  # of one call: bounds memory
_LOG_E_MINUS_1 = float(np.log(np.e - 1.0))  # softplus of this is 1


Infer = Callable[[Mapping[str, npt.NDArray[Any]]], npt.NDArray[np.float64]]
"""Named inputs of any number of rows → (rows, levels)."""


@keras.saving.register_keras_serializable(package="nexthour")
class QuantileHead(layers.Layer):  # type: ignore[misc]  # keras ships no types
    """Quantiles of z that cannot cross, around the training set's empirical ones.

    Input: location, log-scale and one number per gap between neighbouring levels, all raw. With
    zeros everywhere the output is `base` itself: the median of the last close and EWMA bands.

    Attributes:
        base: rising quantiles of z; the middle one is 0 (the naive forecast).
    """

    def __init__(self, base: Sequence[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.base = [float(value) for value in base]
        gaps = np.diff(np.asarray(self.base))
        if len(self.base) % 2 == 0 or self.base[len(self.base) // 2] != 0 or (gaps <= 0).any():
            message = f"base quantiles must rise through 0 in the middle, not {self.base}"
            raise ValueError(message)
        self._gaps = gaps.astype("float32")
        self._middle = len(self.base) // 2

    def call(self, inputs: Any) -> Any:
        """Return (rows, levels) in units of sigma."""
        location = MAX_LOCATION * ops.tanh(inputs[:, :1])
        scale = ops.exp(ops.clip(inputs[:, 1:2], -MAX_LOG_SCALE, MAX_LOG_SCALE))
        steps = self._gaps * ops.softplus(inputs[:, 2:] + _LOG_E_MINUS_1)
        below = ops.flip(ops.cumsum(ops.flip(steps[:, : self._middle], axis=1), axis=1), axis=1)
        above = ops.cumsum(steps[:, self._middle :], axis=1)
        offsets = ops.concatenate([-below, ops.zeros_like(location), above], axis=1)
        return location + scale * offsets

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return (rows, levels)."""
        return (input_shape[0], len(self.base))

    def get_config(self) -> dict[str, Any]:
        """Return what `from_config` needs."""
        return {**super().get_config(), "base": self.base}


def build_network(spec: FeatureSpec, base: Sequence[float], cell: Cell = "lstm") -> Any:
    """Return the network, untrained.

    Args:
        spec: widths of its inputs.
        base: empirical quantiles of z on the training windows, 0 in the middle.
        cell: of the recurrent layer.

    Returns:
        A Keras model of {sequence (48, features), static, connected, coin (int32)} → (levels,).
    """
    sequence = keras.Input((CONTEXT_HOURS, spec.sequence_width), name="sequence")
    static = keras.Input((spec.own_width,), name="static")
    connected = keras.Input((spec.connected_width,), name="connected")
    coin = keras.Input((), dtype="int32", name="coin")
    body = layers.Concatenate()(
        [
            _recurrent(cell)(sequence),
            static,
            layers.Dense(CONNECTED_UNITS, activation="tanh", name="connected_coins")(connected),
            layers.Embedding(len(spec.symbols), EMBEDDING_UNITS, name="coin_embedding")(coin),
        ]
    )
    body = layers.Dense(DENSE_UNITS, activation="gelu", name="dense")(body)
    body = layers.Dropout(DROPOUT)(body)
    heads = [
        layers.Dense(width, kernel_initializer="zeros", name=name)(body)
        for name, width in (("location", 1), ("log_scale", 1), ("offsets", len(base) - 1))
    ]
    quantiles = QuantileHead(base, name="quantiles")(layers.Concatenate()(heads))
    inputs = {"sequence": sequence, "static": static, "connected": connected, "coin": coin}
    return keras.Model(inputs, quantiles, name="next_hour_close")


def _recurrent(cell: Cell) -> Any:
    """Return the recurrent layer; of the bi-LSTM both directions see only hours that are over."""
    units = UNITS[cell]
    if cell == "gru":
        return layers.GRU(units, name="gru")
    lstm = layers.LSTM(units, name="lstm")
    return layers.Bidirectional(lstm, name="bi_lstm") if cell == "bi-lstm" else lstm


def traced(network: Any) -> Infer:
    """Return a function of named inputs, of any number of rows, to (rows, levels): traced once.

    Much faster than calling the network for a few rows, which dispatches each operation from Python.
    """
    import tensorflow as tf

    signature = {
        name: tf.TensorSpec((None, *tensor.shape[1:]), tensor.dtype)
        for name, tensor in network.input.items()
    }
    function = tf.function(
        lambda inputs: network(inputs, training=False), input_signature=[signature]
    ).get_concrete_function()

    def infer(inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
        tensors = {name: tf.convert_to_tensor(values) for name, values in inputs.items()}
        answer: npt.NDArray[np.float64] = function(tensors).numpy().astype(np.float64)
        return answer

    return infer


def in_blocks(infer: Infer, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    """Return (rows, levels) of named inputs, a bounded number of rows at a time."""
    count = len(next(iter(inputs.values())))
    blocks = [
        infer({name: values[start : start + BLOCK_ROWS] for name, values in inputs.items()})
        for start in range(0, count, BLOCK_ROWS)
    ]
    return np.concatenate(blocks)


def save_network(network: Any, path: Any) -> None:
    """Write a `.keras` archive, without optimiser or loss."""
    network.save(path, include_optimizer=False)


def load_network(path: Any) -> Any:
    """Open an archive that `model.archive.check_archive` let pass."""
    return keras.models.load_model(path, compile=False, safe_mode=True)


def weights_hash(network: Any) -> str:
    """Return SHA-256 of the weights; unlike the archive's it holds no date."""
    import hashlib

    digest = hashlib.sha256()
    for weight in network.weights:
        digest.update(weight.path.encode())
        digest.update(np.asarray(weight.numpy(), dtype="<f4").tobytes())
    return digest.hexdigest()
