"""One network trained by several Spark tasks at once: a barrier stage, each task a worker of TensorFlow.

Keras's own `fit` does not work under `MultiWorkerMirroredStrategy` with Keras 3 ("PerReplica …
unsupported type"), a loop of its own does. Each worker reads its shard of the windows through
Petastorm without end and takes a fixed number of steps, since shards of unequal length would leave
one waiting for the others for ever. All workers hold equal weights after each step and judge the
same validation windows, so they stop together; the first one keeps a checkpoint per epoch, from which
a stage that Spark repeats goes on.

For networks of this size on one machine a single process is faster: this is for larger clusters.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from conf.contracts.forecasts import QUANTILES
from conf.model import Cell, ModelSettings
from model.baselines import empirical_quantiles
from model.dataset import read_columns, read_windows, training_batches
from model.feature_spec import FeatureSpec

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from model.forecasters.recurrent import FittedNetwork

TRAIN, VALIDATION = "part=volatile-train", "part=volatile-validation"


class DistributionError(Exception):
    """The workers did not end with equal weights, or cannot be had; one line."""


@dataclass(frozen=True)
class Work:
    """What every worker is told.

    Attributes:
        windows_dir: staged snapshot, at the same path on every machine.
        checkpoints: folder that every worker reaches.
        spec: what the windows' columns mean.
        settings: optimiser, epochs, patience, seed; `batch_size` is of all workers together.
        cell: of the recurrent layer.
        workers: how many there are.
    """

    windows_dir: Path
    checkpoints: Path
    spec: FeatureSpec
    settings: ModelSettings
    cell: Cell
    workers: int


@dataclass(frozen=True)
class Trained:
    """What a worker ended with: its rank, the hash of its weights, and the weights of the first one."""

    rank: int
    digest: str
    best: int
    weights: tuple[Any, ...] = ()


def fit_distributed(session: SparkSession, work: Work) -> FittedNetwork:
    """Train on a barrier stage of `work.workers` tasks; return the network with its λ.

    The stage needs all its slots at once: never start it in the application of the queries.

    Args:
        session: with at least so many slots, and ``spark.python.worker.reuse`` off, since
            TensorFlow's context is made once per process.
        work: what to train on.

    Raises:
        DistributionError: if the workers' weights differ.
    """
    from model.forecasters.recurrent import FittedNetwork, chosen_weight
    from model.network import build_network

    rows = session.sparkContext.parallelize(range(work.workers), work.workers)
    ended: list[Trained] = rows.barrier().mapPartitions(lambda _: _worker(work)).collect()
    if len({one.digest for one in ended}) != 1:
        message = f"the workers ended with different weights: {[one.digest[:8] for one in ended]}"
        raise DistributionError(message)
    first = next(one for one in ended if one.rank == 0)
    targets = read_columns(work.windows_dir / TRAIN, ["target_z"])["target_z"]
    base = empirical_quantiles(targets.astype(np.float64), QUANTILES)
    network = build_network(work.spec, base, work.cell)
    network.set_weights(list(first.weights))
    validation = read_windows(work.windows_dir / VALIDATION, work.spec)
    return chosen_weight(FittedNetwork(network, 1.0, best=first.best), validation)


def _worker(work: Work) -> Iterator[Trained]:
    """Join the others and train; runs in a Spark task."""
    from pyspark import BarrierTaskContext

    context = BarrierTaskContext.get()
    rank = context.partitionId()
    os.environ["TF_CONFIG"] = orjson.dumps(
        {
            "cluster": {"worker": context.allGather(_free_address(context, rank))},
            "task": {"type": "worker", "index": rank},
        }
    ).decode()
    import tensorflow as tf

    # Before anything else of TensorFlow: it starts the server that the others wait for.
    strategy = tf.distribute.MultiWorkerMirroredStrategy()
    yield _train(work, rank, strategy)
    context.barrier()


def _free_address(context: Any, rank: int) -> str:
    """Return this task's host and a port that was free a moment ago."""
    host = context.getTaskInfos()[rank].address.split(":")[0]
    with closing(socket.socket()) as probe:
        probe.bind(("", 0))
        return f"{host}:{probe.getsockname()[1]}"


def _train(work: Work, rank: int, strategy: Any) -> Trained:
    import keras

    from model.network import build_network, weights_hash
    from model.training import TrainingRun

    settings = work.settings.model_copy(update={"fit_seconds": float("inf")})
    keras.utils.set_random_seed(settings.seed)
    targets = read_columns(work.windows_dir / TRAIN, ["target_z"])["target_z"]
    base = empirical_quantiles(targets.astype(np.float64), QUANTILES)
    validation = read_windows(work.windows_dir / VALIDATION, work.spec)
    size = settings.batch_size // work.workers
    with strategy.scope():
        network = build_network(work.spec, base, work.cell)
        run = TrainingRun(
            network, settings, validation, len(targets) // settings.batch_size, strategy
        )
    run.untrained()
    begun = _resume(work, network, run)
    with training_batches(
        work.windows_dir / TRAIN,
        work.spec,
        batch_size=size,
        epochs=None,
        seed=settings.seed + begun,
        shard=(rank, work.workers),
    ) as batches:
        for number in range(begun + 1, settings.epochs + 1):
            run.epoch(number, batches)
            if rank == 0:
                _keep(work, number, network, run)
            if run.is_over(number):
                break
    network.set_weights(run.best_weights)
    weights = tuple(run.best_weights) if rank == 0 else ()
    return Trained(rank, weights_hash(network), run.best, weights)


def _resume(work: Work, network: Any, run: Any) -> int:
    """Take up the newest checkpoint; return its epoch, 0 if there is none."""
    kept = sorted(work.checkpoints.glob("epoch-*.npz"))
    if not kept:
        return 0
    with np.load(kept[-1]) as state:
        count = len(network.get_weights())
        network.set_weights([state[f"now-{index}"] for index in range(count)])
        run.best_weights = [state[f"best-{index}"] for index in range(count)]
        run.best, run.best_pinball = int(state["best"]), float(state["pinball"])
    return int(kept[-1].stem.removeprefix("epoch-"))


def _keep(work: Work, number: int, network: Any, run: Any) -> None:
    work.checkpoints.mkdir(parents=True, exist_ok=True)
    now = {f"now-{index}": weight for index, weight in enumerate(network.get_weights())}
    best = {f"best-{index}": weight for index, weight in enumerate(run.best_weights)}
    path = work.checkpoints / f"epoch-{number:04d}.npz"
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        np.savez(file, **now, **best, best=run.best, pinball=run.best_pinball)
    partial.replace(path)
