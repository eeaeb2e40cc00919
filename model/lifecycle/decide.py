"""What happens next in the life of the versions: one step at a time. Pure.

The order is the order of urgency: a champion that does harm goes first, then the challenger's fate,
then a new challenger, then a new training, and last what is no longer needed. Drift asks for a
training, never for a promotion.
"""

from __future__ import annotations

from dataclasses import dataclass

from conf.lifecycle import LifecycleSettings
from conf.names import HOUR_MS
from model.lifecycle.standing import SERVING, Standing, Version


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do.

    Attributes:
        kind: `roll_back`, `promote`, `reject`, `shadow`, `train` or `retire`.
        version: which it is about; None for a training.
        reason: one line.
    """

    kind: str
    version: str | None
    reason: str


def decide(standing: Standing, settings: LifecycleSettings) -> Step | None:
    """Return the next step, None if there is nothing to do now."""
    for rule in (_roll_back, _judge_shadow, _begin_shadow, _train, _retire):
        step = rule(standing, settings)
        if step is not None:
            return step
    return None


def _roll_back(standing: Standing, settings: LifecycleSettings) -> Step | None:
    """A champion that is clearly worse than no model, or fails, gives way to the one before."""
    champion = standing.version(standing.champion)
    before = standing.version(standing.previous)
    if champion is None or before is None or before.name == champion.name:
        return None
    reason = _harm(standing, settings)
    if reason is None or before.status in ("rejected", "retired"):
        return None
    return Step("roll_back", before.name, f"{champion.name}: {reason}")


def _harm(standing: Standing, settings: LifecycleSettings) -> str | None:
    record = standing.champion_record
    if record.failures:
        return f"{record.failures} forecasts failed"
    is_harmful = (
        record.hours >= settings.rollback_min_hours and record.excess > settings.rollback_excess
    )
    is_gross = (
        record.hours >= settings.rollback_gross_min_hours
        and record.excess > settings.rollback_gross_excess
    )
    if not is_harmful and not is_gross:
        return None
    return (
        f"pinball loss {record.excess:+.1%} against the last close with EWMA bands over "
        f"{record.hours} h"
    )


def _judge_shadow(standing: Standing, settings: LifecycleSettings) -> Step | None:
    shadow, champion = standing.version(standing.shadow), standing.version(standing.champion)
    if shadow is None:
        return None
    record = standing.shadow_record
    if record.failures or record.insane:
        reason = f"{record.failures} failed and {record.insane} insane forecasts in the shadow"
        return Step("reject", shadow.name, reason)
    if standing.now_ms >= shadow.expires_ms:
        return Step("reject", shadow.name, "it expired in the shadow")
    if record.hours < settings.shadow_hours:
        return None
    said = f"{record.hours} h in the shadow, pinball loss {record.excess:+.2%} against the baseline"
    if champion is not None:
        said += f" (the champion's {standing.beside_shadow.excess:+.2%})"
    if champion is None or _must_be_replaced(champion, standing, settings):
        return Step("promote", shadow.name, f"{said}; not worse than an old champion")
    if shadow.is_better:
        return Step("promote", shadow.name, f"{said}; better than the champion")
    return Step("reject", shadow.name, f"{said}; not better than a young champion")


def _must_be_replaced(champion: Version, standing: Standing, settings: LifecycleSettings) -> bool:
    """Tell whether an equal challenger is enough: age is a slow poison."""
    age_ms = standing.now_ms - champion.known_until_ms
    return champion.is_bootstrap or age_ms > settings.young_hours * HOUR_MS


def _begin_shadow(standing: Standing, settings: LifecycleSettings) -> Step | None:
    """The newest candidate is tried, if the gate lets it pass; older ones are overtaken."""
    if standing.shadow is not None:
        return None
    candidates = [one for one in standing.versions if one.status == "candidate"]
    for one in candidates:
        if one.faults:
            return Step("reject", one.name, "; ".join(one.faults))
        if standing.now_ms >= one.expires_ms:
            return Step("reject", one.name, "it expired before it was tried")
    if not candidates:
        return None
    newest = max(candidates, key=lambda one: (one.known_until_ms, one.name))
    overtaken = next((one for one in candidates if one.name != newest.name), None)
    if overtaken is not None:
        return Step("reject", overtaken.name, f"overtaken by {newest.name}")
    return Step("shadow", newest.name, "the gate lets it pass")


def _train(standing: Standing, settings: LifecycleSettings) -> Step | None:
    if standing.is_training or standing.shadow is not None:
        return None
    newest_ms = max((one.known_until_ms for one in standing.versions), default=0)
    if not standing.versions and standing.asked_at_ms is None:
        return Step("train", None, "no version yet")
    begun_ms = max(newest_ms, standing.asked_at_ms or 0)
    age_h = (standing.now_ms - begun_ms) / HOUR_MS
    if standing.drift and age_h >= min(settings.drift_spacing_hours, settings.retrain_every_hours):
        return Step("train", None, "drift: " + "; ".join(standing.drift))
    if age_h >= settings.retrain_every_hours:
        return Step("train", None, f"the newest training was {age_h:.0f} h ago")
    return None


def _retire(standing: Standing, settings: LifecycleSettings) -> Step | None:
    """The oldest version beyond those that are kept goes, never one that an alias names."""
    named = {standing.champion, standing.previous, standing.shadow}
    spare = [
        one
        for one in standing.versions
        if one.name not in named and one.status not in (*SERVING, "shadow", "candidate")
    ]
    kept = settings.keep_versions - len(named - {None})
    if len(spare) <= max(kept, 0):
        return None
    oldest = min(spare, key=lambda one: (one.known_until_ms, one.name))
    return Step("retire", oldest.name, f"more than {settings.keep_versions} versions")
