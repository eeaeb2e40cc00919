"""Keeps the garbage collector from looking at every loaded module, time and again.

With pandas and Altair loaded a full collection takes 50 ms, and Python waits with it until a quarter
more objects are alive than after the last one: with modules out of its sight it comes early and costs
little, so that what viewers leave behind goes soon. (Streamlit's own, after every refresh, is off in
`.streamlit/config.toml`.)
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
