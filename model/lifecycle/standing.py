"""What the decisions of the life cycle are made from. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Status = Literal["candidate", "shadow", "bootstrap", "champion", "previous", "retired", "rejected"]
SERVING: tuple[Status, ...] = ("champion", "bootstrap")


@dataclass(frozen=True, slots=True)
class Version:
    """A version of the registry.

    Attributes:
        name: in the registry.
        status: as in the table `model_version`.
        known_until_ms: open time of the last hour it has seen, exchange time, UTC epoch ms.
        expires_ms: exchange time after which its members must not be used.
        is_bootstrap: it was judged on a short history.
        faults: why the gate refuses it; empty if it does not.
        is_better: than the champion that it was compared with, beyond doubt.
    """

    name: str
    status: Status
    known_until_ms: int
    expires_ms: int
    is_bootstrap: bool = False
    faults: tuple[str, ...] = ()
    is_better: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """What a chain of forecasts has been worth, pooled over coins; losses in sigmas.

    Attributes:
        hours: target hours with at least one scored forecast.
        pinball: sum of mean pinball losses.
        naive_pinball: the same of the last close with EWMA bands, on the same rows.
        runs: target hours with a run, scored or not.
        failures: forecasts that the model failed to give.
        insane: forecasts whose median is farther from the last close than half a sigma.
    """

    hours: int = 0
    pinball: float = 0.0
    naive_pinball: float = 0.0
    runs: int = 0
    failures: int = 0
    insane: int = 0

    @property
    def excess(self) -> float:
        """By which share the loss is above (or, negative, below) the baseline's; 0 without any."""
        return self.pinball / self.naive_pinball - 1 if self.naive_pinball else 0.0


@dataclass(frozen=True, slots=True)
class Standing:
    """All that is known at one moment.

    Attributes:
        now_ms: exchange time, UTC epoch ms.
        versions: all of the registry that still count, oldest first.
        champion: name of what serves.
        served_since_ms: exchange time of its first forecast; None before that.
        previous: name of what served before, None if there is none or it is gone.
        shadow: name of the challenger that is tried.
        champion_record: of the champion's own live forecasts in the rollback's window.
        shadow_record: of the shadow's forecasts, all of them.
        beside_shadow: of the live forecasts of the same hours and coins.
        is_training: a training runs now.
        asked_at_ms: exchange time at which the last training began; None if none did.
        drift: why the inputs, the skill or the calibration are no longer those of training.
    """

    now_ms: int
    versions: tuple[Version, ...] = ()
    champion: str | None = None
    served_since_ms: int | None = None
    previous: str | None = None
    shadow: str | None = None
    champion_record: Record = field(default_factory=Record)
    shadow_record: Record = field(default_factory=Record)
    beside_shadow: Record = field(default_factory=Record)
    is_training: bool = False
    asked_at_ms: int | None = None
    drift: tuple[str, ...] = ()

    def version(self, name: str | None) -> Version | None:
        """Return a version by its name."""
        return next((one for one in self.versions if one.name == name), None)
