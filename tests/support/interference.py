"""Something else happens at a named point of a batch or a repair."""

from __future__ import annotations

from collections.abc import Callable

from conf.abort import AbortSwitch


class At(AbortSwitch):
    """Calls a function the first time that a point is passed; the code under test knows nothing."""

    def __init__(self, point: str, act: Callable[[], None]) -> None:
        super().__init__(None)
        self._awaited = point
        self._act = act
        self.is_passed = False

    def __bool__(self) -> bool:
        return True

    def at(self, point: str) -> None:
        """Pass a point."""
        if point == self._awaited and not self.is_passed:
            self.is_passed = True
            self._act()
