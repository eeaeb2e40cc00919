"""Steps of the life cycle carried out: the registry's alias first, then the ledger."""

from __future__ import annotations

from model.lifecycle.decide import Step
from model.lifecycle.ledger import LifecycleLedger
from model.lifecycle.standing import Version
from model.registry import CHAMPION, SHADOW, Registry


def serving_status(version: Version | None) -> str:
    """Return the status that a version serves with."""
    return "bootstrap" if version is not None and version.is_bootstrap else "champion"


class Actions:
    """Carries out what was decided; each may be repeated after a crash.

    Args:
        registry: aliases and versions.
        ledger: events and statuses.
    """

    def __init__(self, registry: Registry, ledger: LifecycleLedger) -> None:
        self._registry = registry
        self._ledger = ledger

    def take(self, step: Step, version: Version, champion: str | None, at_ms: int) -> None:
        """Carry out a step about a version.

        Args:
            step: any but a training.
            version: which it names.
            champion: what served when it was decided.
            at_ms: exchange time, UTC epoch ms.

        Raises:
            RegistryError: if an alias was changed by somebody else meanwhile; look again then.
        """
        doing = {
            "shadow": self._shadow,
            "promote": self._promote,
            "reject": self._reject,
            "roll_back": self._roll_back,
            "retire": self._retire,
        }
        doing[step.kind](step, version, champion, at_ms)

    def _shadow(self, step: Step, version: Version, _: str | None, at_ms: int) -> None:
        self._registry.point(SHADOW, version.name, "shadow")
        self._ledger.tell("shadow", version.name, step.reason, at_ms, {version.name: "shadow"})

    def _promote(self, step: Step, version: Version, champion: str | None, at_ms: int) -> None:
        status = serving_status(version)
        self._registry.point(CHAMPION, version.name, status, expected=champion)
        self._clear_shadow(version.name)
        statuses = {version.name: status}
        if champion is not None:
            statuses[champion] = "previous"
        self._ledger.tell("promoted", version.name, step.reason, at_ms, statuses)

    def _reject(self, step: Step, version: Version, _: str | None, at_ms: int) -> None:
        self._clear_shadow(version.name)
        self._ledger.tell("rejected", version.name, step.reason, at_ms, {version.name: "rejected"})

    def _roll_back(self, step: Step, version: Version, champion: str | None, at_ms: int) -> None:
        status = serving_status(version)
        self._registry.point(CHAMPION, version.name, status, expected=champion)
        statuses = {version.name: status}
        if champion is not None:
            statuses[champion] = "rejected"
        self._ledger.tell("rolled_back", version.name, step.reason, at_ms, statuses)

    def _retire(self, step: Step, version: Version, _: str | None, at_ms: int) -> None:
        self._registry.remove(version.name)
        self._ledger.tell("retired", version.name, step.reason, at_ms, {version.name: "retired"})

    def _clear_shadow(self, version: str) -> None:
        reference = self._registry.alias(SHADOW)
        if reference is not None and reference.version == version:
            self._registry.point(SHADOW, None, "shadow", expected=version)
