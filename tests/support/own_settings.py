"""Keeps a developer's own settings out of tests, proofs and benchmarks."""

from __future__ import annotations

import os


def forget_own_settings() -> None:
    """Remove every setting of nexthour from this process's environment, and so from its children's."""
    for name in [name for name in os.environ if name.startswith("NEXTHOUR_")]:
        del os.environ[name]
