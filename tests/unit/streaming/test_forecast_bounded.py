import threading

import pytest

from streaming.forecasts.bounded import call_bounded

pytestmark = pytest.mark.unit


def test_returns_what_the_action_returns():
    assert call_bounded(lambda: 41 + 1, 5) == 42


def test_raises_what_the_action_raises():
    with pytest.raises(ZeroDivisionError):
        call_bounded(lambda: 1 / 0, 5)


def test_stops_waiting_for_an_action_that_hangs():
    released = threading.Event()

    with pytest.raises(TimeoutError, match=r"no answer within 0\.05 s"):
        call_bounded(released.wait, 0.05)
    released.set()
