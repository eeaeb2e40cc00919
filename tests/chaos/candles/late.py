"""Whether the hours of a symbol that was held back came late into the topic, and the others in time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from statistics import median

from conf.contracts.errors import ContractError
from conf.contracts.trades import decode
from streaming.reconcile.compare import Key
from tests.support.bundle import Bundle
from tests.support.producer_runs import read_topic


def close_times(settings: Bundle) -> dict[Key, int]:
    """Return when the broker took each hour's first CLOSE, epoch ms of the wall clock."""
    times: dict[Key, int] = {}
    for message in read_topic(settings.kafka, settings.namespace.trades_topic):
        try:
            record = decode(message.value() or b"", settings.kafka.trades_schema_id)
        except ContractError:  # what strangers wrote
            continue
        if record.close is not None:
            times.setdefault((record.symbol, record.close.open_time_ms), message.timestamp()[1])
    return times


def lateness_s(times: Mapping[Key, int], late: Key) -> float | None:
    """Return how long after most other symbols one was closed; None if it was not. Pure."""
    others = [at for key, at in times.items() if key[1] == late[1] and key[0] != late[0]]
    if late not in times or not others:
        return None
    return (times[late] - median(others)) / 1000


def late_problems(
    times: Mapping[Key, int], late: Iterable[Key], least_s: float
) -> tuple[list[str], list[str]]:
    """Return a line for each hour that was held back, and one for each that was not late. Pure.

    Args:
        times: see `close_times`.
        late: symbol and hour of what was held back.
        least_s: by how many wall seconds it must be late at least.
    """
    told, problems = [], []
    for key in late:
        found_s = lateness_s(times, key)
        text = "never" if found_s is None else f"{found_s:.1f} s after most others"
        told.append(f"{key[0]} {key[1]}: closed {text}")
        if found_s is None or found_s < least_s:
            problems.append(f"held back, {told[-1]}; {least_s:.1f} s are the least")
    return told, problems
