"""How long a symbol's next ids are missing: when REST is asked for them, and when they are given up. Pure.

There is at most one hole that matters: the one right after the last id that was published.
"""

from __future__ import annotations

from producers.questions import Policy, RetryWait

# A first answer may come from a lagging replica.
PROOFS_NEEDED = 2


class HolePatience:
    """The clock of the hole that begins at a symbol's next id; times are monotonic wall seconds."""

    def __init__(self, policy: Policy) -> None:
        """Take the waits: grace before the first question, doubling between them, deadline."""
        self._grace_s, self._deadline_s = policy.fill_grace_s, policy.fill_deadline_s
        self._wait = RetryWait(policy)
        self._first_id: int | None = None
        self._seen_s = 0.0
        self._proofs = 0

    def see(self, first_id: int, now_s: float) -> None:
        """Note that ids from `first_id` on are missing; one that was not missing starts anew."""
        if self._first_id != first_id:
            self._first_id, self._seen_s, self._proofs = first_id, now_s, 0

    def close(self) -> None:
        """Note that no id is missing."""
        self._first_id = None

    def is_due(self, now_s: float) -> bool:
        """Tell whether REST is to be asked: not at once, for messages may have changed places."""
        return self._wait.is_over(now_s) and now_s - self._seen_s >= self._grace_s

    def is_over(self, now_s: float) -> bool:
        """Tell whether the hole was there for so long that it is declared."""
        return now_s - self._seen_s >= self._deadline_s

    def helped(self) -> None:
        """Note that an answer filled a part or settled it: the next question may follow at once."""
        self._wait.reset()

    def not_helped(self, now_s: float) -> None:
        """Note that REST did not answer or has none of the ids: it is asked later."""
        self._wait.back_off(now_s)

    def is_passed_over(self) -> bool:
        """Note that REST has later ids but not these; tell whether it said so often enough."""
        self._proofs += 1
        return self._proofs >= PROOFS_NEEDED
