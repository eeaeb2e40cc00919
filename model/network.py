"""The network: an LSTM whose output is, before training, exactly naive + EWMA bands.

Imports TensorFlow: import this module only where a network is built or loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers, ops

from model.features import CONTEXT_HOURS, FeatureSpec

LSTM_UNITS = 32
EMBEDDING_UNITS = 4
CONNECTED_UNITS = 8
DENSE_UNITS = 32
DROPOUT = 0.2
MAX_LOCATION = 0.5  # sigmas: the bounded tanh of the location
MAX_LOG_SCALE = 2.0
_LOG_E_MINUS_1 = float(np.log(np.e - 1.0))  # softplus of this is 1


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


def build_network(spec: FeatureSpec, base: Sequence[float]) -> Any:
    """Return the network, untrained.

    Args:
        spec: widths of its inputs.
        base: empirical quantiles of z on the training windows, 0 in the middle.

    Returns:
        A Keras model of {sequence (48, features), static, connected, coin (int32)} → (levels,).
    """
    sequence = keras.Input((CONTEXT_HOURS, spec.sequence_width), name="sequence")
    static = keras.Input((spec.own_width,), name="static")
    connected = keras.Input((spec.connected_width,), name="connected")
    coin = keras.Input((), dtype="int32", name="coin")
    body = layers.Concatenate()(
        [
            layers.LSTM(LSTM_UNITS, name="lstm")(sequence),
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
