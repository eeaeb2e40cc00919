"""The order in which a whole system comes up; the same for the demo and for the real exchange."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from nexthour.system import System

T = TypeVar("T")
TRAINING_STEP = "train the first LSTM"
"""From the loaded history to the promoted model; Spark and TensorFlow start while it loads."""
HISTORY_WAIT_S = 300
"""Years of history over a slow line; if it fails, the start fails and the wait with it."""


def bring_up(
    system: System,
    *,
    history_days: int,
    start_exchange: Callable[[], None],
    start_clock: Callable[[], None],
    train: Callable[[], bool] = lambda: True,
    with_api: bool = True,
    with_lifecycle: bool = True,
) -> None:
    """Start stores, history, model, queries, producer, dashboard and API, side by side where they can.

    What a person may open is in the system's `addresses` afterwards.

    Args:
        system: a system not yet started.
        history_days: only for the text of the step; the history job reads its own settings.
        start_exchange: makes the exchange answer and its addresses known.
        start_clock: lets a stand-in's time run, once a model is there to forecast with.
        train: tells whether to train a first model, asked once the stores are up.
        with_api: whether to start the read API, too.
        with_lifecycle: whether models are trained and tried again while it runs.

    Raises:
        LocalError: one line, if any part fails; the caller stops the system.
    """
    steps = system.steps

    def timed(name: str, action: Callable[[], T]) -> T:
        begun = time.monotonic()
        result = action()
        steps.done(name, time.monotonic() - begun)
        return result

    with _side_by_side(system) as pool:
        exchange = pool.submit(timed, "start the exchange", start_exchange)
        timed("start the stores", system.start_stack)
        exchange.result()
    system.prepare()
    with _side_by_side(system) as pool:
        # All at once: a JVM spends much of its start waiting, and so does a download.
        queries = pool.submit(timed, "start the Spark queries", system.start_pipeline)
        training = pool.submit(_train, system) if train() else None
        timed(
            f"load {history_days} days of hourly history",
            lambda: system.run_to_end("history", ["-m", "streaming.history"]),
        )
        loaded = time.monotonic()
        producer = pool.submit(timed, "start the producer", system.start_producer)
        if training:
            steps.done(TRAINING_STEP, training.result() - loaded)
        for part in (queries, producer):
            part.result()
    start_clock()
    # Last: the first hour has yet to pass, and until then there is nothing to see.
    with _side_by_side(system) as pool:
        views = [pool.submit(timed, "start the dashboard", system.start_dashboard)]
        if with_api:
            views.append(pool.submit(timed, "start the read API", system.start_api))
        for view in views:
            view.result()
        if with_lifecycle:
            timed("start the models' life cycle", system.start_lifecycle)


def addresses_text(addresses: Mapping[str, str]) -> str:
    """Return what a person may open, for the terminal. Pure."""
    lines = [f" [bold]Dashboard: {addresses['dashboard']}[/bold]   (Ctrl-C stops everything)"]
    if "api" in addresses:
        lines.append(f" Read API:  {addresses['api']}/v1/status")
    return "\n" + "\n".join(lines) + "\n"


@contextmanager
def _side_by_side(system: System) -> Iterator[ThreadPoolExecutor]:
    """Yield a pool; an error or Ctrl-C ends all processes, so that no thread waits for one."""
    with ThreadPoolExecutor(4) as pool:
        try:
            yield pool
        except BaseException:
            system.stop()
            raise


def _train(system: System) -> float:
    """Run the training job, which waits for the history itself; return the time of its end."""
    variables = {"NEXTHOUR_MODEL_HISTORY_WAIT_S": str(HISTORY_WAIT_S)}
    system.run_to_end("training", ["-m", "model.training_job"], variables)
    return time.monotonic()
