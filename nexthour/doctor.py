"""`nexthour doctor`, and the same checks before anything is started."""

from __future__ import annotations
