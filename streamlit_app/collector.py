"""Keeps the garbage collector from looking at every loaded module after every refresh.

Streamlit collects all generations at the end of each run of a script or a fragment. With pandas and
Altair loaded that took 50 ms of processor time, most of what a refresh cost: 20 viewers with a refresh
every 2 s would have needed more than a core for it alone.
"""

from __future__ import annotations

import gc
import sys
import threading

_lock = threading.Lock()
_seen = 0


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
