from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from model.archive import ArchiveError, check_archive
from model.features import CONTEXT_HOURS, FeatureSpec
from model.network import (
    MAX_LOCATION,
    QuantileHead,
    build_network,
    load_network,
    save_network,
    weights_hash,
)
from tests.support.model_history import COINS

pytestmark = pytest.mark.unit

SPEC = FeatureSpec(COINS)
BASE = (-1.53, -0.49, 0.0, 0.46, 1.41)


def inputs(rows: int = 64, size: float = 1.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "sequence": size
        * rng.normal(size=(rows, CONTEXT_HOURS, SPEC.sequence_width)).astype("float32"),
        "static": size * rng.normal(size=(rows, SPEC.own_width)).astype("float32"),
        "connected": size * rng.normal(size=(rows, SPEC.connected_width)).astype("float32"),
        "coin": rng.integers(0, len(COINS), rows).astype("int32"),
    }


@pytest.fixture
def network() -> keras.Model:
    keras.utils.set_random_seed(1)
    return build_network(SPEC, BASE)


def shaken(network: keras.Model, size: float) -> keras.Model:
    rng = np.random.default_rng(2)
    network.set_weights([w + size * rng.normal(size=w.shape) for w in network.get_weights()])
    return network


def test_before_training_it_is_naive_with_ewma_bands(network: keras.Model) -> None:
    answer = np.asarray(network(inputs(size=5.0)))
    assert (answer[:, 2] == 0.0).all()
    np.testing.assert_allclose(answer, np.tile(np.float32(BASE), (64, 1)), rtol=1e-6)


@pytest.mark.parametrize("size", [0.3, 3.0, 30.0])
def test_quantiles_never_cross_and_the_median_is_bounded(network: keras.Model, size: float) -> None:
    answer = np.asarray(shaken(network, size)(inputs(500, size=8.0)))
    assert np.isfinite(answer).all()
    assert (np.diff(answer, axis=1) >= 0).all()
    assert (np.abs(answer[:, 2]) <= MAX_LOCATION).all()
    assert answer[:, 2].std() > 0


@pytest.mark.parametrize("base", [(-1.0, 0.0, 0.0), (-1.0, 0.1, 1.0), (-1.0, 1.0)])
def test_head_refuses_a_base_that_is_no_baseline(base: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="base quantiles"):
        QuantileHead(base)


def test_archive_keeps_the_function_and_passes_the_allow_list(
    network: keras.Model, tmp_path: Path
) -> None:
    path = tmp_path / "model.keras"
    save_network(shaken(network, 0.3), path)
    check_archive(path)
    again = load_network(path)
    np.testing.assert_array_equal(np.asarray(again(inputs())), np.asarray(network(inputs())))
    assert weights_hash(again) == weights_hash(network)


def test_weights_hash_tells_weights_apart(network: keras.Model) -> None:
    before = weights_hash(network)
    assert weights_hash(shaken(network, 0.3)) != before


def test_a_lambda_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    source = keras.Input((3,))
    bad = keras.Model(source, keras.layers.Lambda(lambda x: x * 2)(source))
    bad.save(tmp_path / "model.keras")
    with pytest.raises(ArchiveError, match="Lambda"):
        check_archive(tmp_path / "model.keras")
