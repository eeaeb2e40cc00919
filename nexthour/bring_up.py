"""The order in which a whole system comes up; the same for the demo and for the real exchange."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from nexthour.system import System

T = TypeVar("T")
TRAINING_STEP = "train the first LSTM"


def bring_up(
    system: System,
    *,
    history_days: int,
    start_exchange: Callable[[], None],
    start_clock: Callable[[], None],
    train: Callable[[], bool] = lambda: True,
) -> str:
    """Start stores, history, model, queries, dashboard and producer, side by side where they can.

    Args:
        system: a system not yet started.
        history_days: only for the text of the step; the history job reads its own settings.
        start_exchange: makes the exchange answer and its addresses known.
        start_clock: lets a stand-in's time run, once a model is there to forecast with.
        train: tells whether to train a first model, asked once the stores are up.

    Returns:
        The dashboard's address.

    Raises:
        LocalError: one line, if any part fails; the caller stops the system.
    """
    steps = system.steps

    def timed(name: str, action: Callable[[], T]) -> T:
        begun = time.monotonic()
        result = action()
        steps.done(name, time.monotonic() - begun)
        return result

    with ThreadPoolExecutor(2) as pool:
        exchange = pool.submit(timed, "start the exchange", start_exchange)
        timed("start the stores", system.start_stack)
        exchange.result()
    system.prepare()
    with ThreadPoolExecutor(2) as pool:
        # Before the history: a JVM spends much of its start waiting, and so does a download.
        queries = pool.submit(timed, "start the Spark queries", system.start_pipeline)
        timed(
            f"load {history_days} days of hourly history",
            lambda: system.run_to_end("history", ["-m", "streaming.history"]),
        )
        dashboard = pool.submit(timed, "start the dashboard", system.start_dashboard)
        if train():
            timed(
                TRAINING_STEP, lambda: system.run_to_end("training", ["-m", "model.training_job"])
            )
        queries.result()
        url = dashboard.result()
    start_clock()
    timed("start the producer", system.start_producer)
    return url
