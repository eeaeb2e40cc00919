"""Does to the running parts what a fault says."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

from tests.chaos.producers.kinds import FENCED, KILLED
from tests.chaos.producers.plan import Fault
from tests.chaos.producers.world import World
from tests.support.eventually import eventually

END_S = 60.0
ABORT_S = 45.0

Injector = Callable[[World, Fault], None]


def inject(world: World, fault: Fault) -> None:
    """Inject a fault; returns when it has been done, not when it has shown.

    Raises:
        Exception: if it could not be done as planned; what was running before may not run any more.
    """
    INJECTORS.get(fault.kind, _ask_exchange)(world, fault)


def undo(world: World, fault: Fault) -> None:
    """End what lasts until it is ended."""
    if fault.kind == "rest_lag":
        world.exchange.post("/faults", {"kind": "rest_lag", "ms": 0})


def _ask_exchange(world: World, fault: Fault) -> None:
    """Have the exchange strike its next messages, connections or answers."""
    body: dict[str, object] = {"kind": fault.kind, "count": 1, **dict(fault.values)}
    if fault.symbol is not None:
        body["symbol"] = fault.symbol
    if fault.kind in ("rate_limit", "ban"):
        status = 418 if fault.kind == "ban" else 429
        body |= {"kind": "rest_error", "status": status, "form": "json", "code": -1003}
    world.exchange.post("/faults", body)


def _broker_term(world: World, _fault: Fault) -> None:
    world.broker.end(signal.SIGTERM)
    world.broker.start()


def _broker_kill(world: World, _fault: Fault) -> None:
    world.broker.end(signal.SIGKILL)
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
