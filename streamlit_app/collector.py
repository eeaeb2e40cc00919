"""Keeps the garbage collector from looking at every loaded module, and what viewers left from piling up.

Streamlit collects all generations at the end of each run of a script or a fragment; that is off
(`.streamlit/config.toml`), since it was a quarter of all work for twenty viewers. Left to itself Python
waits until a quarter more objects are alive than after the last full collection: with pandas and
Altair loaded that is many viewers' worth of memory. So modules are taken out of its sight, which
makes a collection cheap, and it is done now and then.
"""

from __future__ import annotations

import gc
import sys
import threading

EVERY_S = 20.0
"""A full collection takes some 30 ms of processor time: about a thousandth of a core."""

_lock = threading.Lock()
_seen = 0
_collected_s = 0.0


def freeze_modules() -> None:
    """Take what is alive out of the collector's sight, whenever modules have been loaded since.

    Frozen objects still go when nobody refers to them; only those that refer to each other stay. As
    modules are loaded a few times in the life of a process, those are few.
    """
    global _seen
    with _lock:
        if len(sys.modules) == _seen:
            return
        gc.collect()
        gc.freeze()
        _seen = len(sys.modules)


def collect_now_and_then(now_s: float) -> bool:
    """Collect all generations if the last time is `EVERY_S` ago; return whether it was done.

    Args:
        now_s: a clock's that only goes forward, in seconds.
    """
    global _collected_s
    with _lock:
        if now_s - _collected_s < EVERY_S:
            return False
        _collected_s = now_s
    gc.collect()
    return True
