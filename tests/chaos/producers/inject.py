"""Does to the running parts what a fault says."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping

import httpx

from tests.chaos.producers.kinds import FENCED, KILLED, KINDS, Group
from tests.chaos.producers.plan import Fault
from tests.chaos.producers.world import World
from tests.support.eventually import eventually

END_S = 60.0
ABORT_S = 45.0
DAY_S = 86_400

Injector = Callable[[World, Fault], None]


def inject(world: World, fault: Fault) -> int:
    """Inject a fault; returns when it has been done, not when it has shown.

    Returns:
        How often it must show: once, or once for each connection that it strikes.

    Raises:
        Exception: if it could not be done as planned; what was running before may not run any more.
    """
    injector = INJECTORS.get(fault.kind)
    if injector is None:
        return _ask_exchange(world, fault)
    injector(world, fault)
    return 1


def undo(world: World, fault: Fault) -> None:
    """End what lasts until it is ended."""
    if fault.kind == "rest_lag":
        _post(world, {"kind": "rest_lag", "ms": 0})
    elif fault.kind == "life":
        _post(world, {"kind": "life", "seconds": DAY_S})


def _post(world: World, body: Mapping[str, object]) -> dict[str, int]:
    """Ask the exchange for a fault and return what it says.

    Raises:
        ValueError: if it refuses; with its reason.
    """
    answer = httpx.post(f"{world.exchange.control_url}/faults", json=body, timeout=10)
    if answer.status_code != httpx.codes.OK:
        message = f"the exchange refuses {body}: {answer.text}"
        raise ValueError(message)
    found: dict[str, int] = answer.json()
    return found


def _ask_exchange(world: World, fault: Fault) -> int:
    """Have the exchange strike its next messages, connections or answers."""
    body: dict[str, object] = {"kind": fault.kind, **dict(fault.values)}
    if fault.symbol is not None:
        body["symbol"] = fault.symbol
    if fault.kind in ("rate_limit", "ban"):
        status = 418 if fault.kind == "ban" else 429
        body |= {"kind": "rest_error", "status": status}
    if KINDS[fault.kind].group is not Group.CONNECTION or fault.symbol or fault.kind == "refuse":
        _post(world, body)
        return 1
    # One that was lost a moment ago is not there to be struck.
    return eventually(lambda: _post(world, body)["connections"], END_S, message=fault.kind)


def _broker_term(world: World, fault: Fault) -> None:
    _broker_down(world, fault, signal.SIGTERM)


def _broker_kill(world: World, fault: Fault) -> None:
    _broker_down(world, fault, signal.SIGKILL)


def _broker_down(world: World, fault: Fault, number: signal.Signals) -> None:
    world.broker.end(number)
    time.sleep(float(fault.value("down_s")))
    world.broker.start()


def _broker_pause(world: World, fault: Fault) -> None:
    world.broker.pause(float(fault.value("seconds")))


def _kill(world: World, fault: Fault) -> None:
    time.sleep(float(fault.value("after_s")))
    world.fleet.kill(world.fleet.running())
    world.fleet.start()


def _kill_starting(world: World, fault: Fault) -> None:
    """Kill the running one, and the next one while it starts."""
    world.fleet.kill(world.fleet.running())
    following = world.fleet.start()
    time.sleep(float(fault.value("after_s")))
    world.fleet.kill(following)
    world.fleet.start()


def _kill_at(world: World, fault: Fault) -> None:
    """Run one that ends itself between two steps."""
    world.fleet.stop()
    doomed = world.fleet.start(f"{fault.value('point')}:{fault.value('passes')}")
    try:
        world.fleet.expect_end(doomed, KILLED, ABORT_S)
    except TimeoutError:
        world.fleet.kill(doomed)
        raise
    finally:
        world.fleet.start()


def _second(world: World, fault: Fault) -> None:
    time.sleep(float(fault.value("after_s")))
    first = world.fleet.running()
    world.fleet.start()
    world.fleet.expect_end(first, FENCED, END_S)


def _zombie(world: World, _fault: Fault) -> None:
    """Let one stand still while another takes over, then let it go on."""
    first = world.fleet.running()
    first.signal(signal.SIGSTOP)
    try:
        second = world.fleet.start()
        eventually(second.is_healthy, END_S, message="the second producer is healthy")
    finally:
        first.signal(signal.SIGCONT)
    world.fleet.expect_end(first, FENCED, END_S)


def _restart(world: World, _fault: Fault) -> None:
    world.fleet.stop()
    world.fleet.start()


INJECTORS: dict[str, Injector] = {
    "broker_term": _broker_term,
    "broker_kill": _broker_kill,
    "broker_pause": _broker_pause,
    "kill": _kill,
    "kill_starting": _kill_starting,
    "kill_at": _kill_at,
    "second": _second,
    "zombie": _zombie,
    "restart": _restart,
}
