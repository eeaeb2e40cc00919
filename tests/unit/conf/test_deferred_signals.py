"""Signals held back over a step: delivered after it, once each, by the handlers that were there."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from conf.connections.deferred_signals import deferred_signals


class StopError(Exception):
    """What the handler of the tests raises, as a job's does."""


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise StopError

    before = {
        number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGINT)
    }
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_step_ends_before_its_interruption(number: signal.Signals) -> None:
    steps = []
    with pytest.raises(StopError):  # noqa: SIM117, PT012 - the inner block is what is tested
        with deferred_signals():
            signal.raise_signal(number)
            signal.raise_signal(number)
            steps.append("whole")
    assert steps == ["whole"]
    with pytest.raises(StopError):
        signal.raise_signal(number)


def test_a_step_without_a_signal_leaves_the_handlers_as_they_were() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with deferred_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_beside_the_main_thread_the_step_runs_as_it_is() -> None:
    done = threading.Event()

    def step() -> None:
        with deferred_signals():
            done.set()

    thread = threading.Thread(target=step)
    thread.start()
    thread.join()
    assert done.is_set()
