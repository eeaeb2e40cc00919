"""The generated card of a version: what it is for, how good it was, when it must not be used. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from conf.names import utc_time

_TEMPLATE = """# Next-hour close, version {version}

**For**: the close of the next hour of {symbols}, as five quantiles. **Not for**: trading decisions; the
median has a small edge, the mean has none.

| | |
|---|---|
| Trained on | {trained_from} to {trained_until} UTC, {train_rows} windows of 48 hours |
| Chosen on | {validation_from} to {validation_until} UTC, {validation_rows} windows |
| Snapshot of windows | `h={snapshot}` |
| Members, of equal weight | {members} |
| Share of their median that is used | {median_weight} |
| Seeds, commit | {seeds}, `{commit}` |
| Weights (SHA-256) | `{weights_hash}` |
| Expires | {expires} UTC: after that the last close with EWMA bands |

| On the windows that chose it | model | last close + EWMA bands |
|---|---|---|
| mean pinball loss (sigmas) | {val_pinball:.5f} | {ewma_pinball:.5f} |
| MAE relative to the last close | {val_rmae:.4f} | 1 |
| directional accuracy | {val_da:.3f} | 0.5 |
| inside the 90 % band | {val_coverage:.3f} | {ewma_coverage:.3f} |

The epoch and the share were chosen on these very windows, so the figures flatter it.{short} Large moves are
the known weakness: direction in the largest fifth of moves was right in 50.8 % in a walk-forward.

| coin | MAE relative to the last close |
|---|---|
{coins}

Stable coins ({stable}) are not scored by the members: last close, bands at least one tick wide; where the
last close is more than 0.005 from 1, they are twice as wide and the forecast is flagged.
What is published went through a guard (a coin that did worse than its last close for eight weeks gets
the last close) and through adaptive conformal calibration, coin by coin.{against}
Inputs: {width} sequence features of 48 hours, the target hour's calendar, momenta, and the latest
returns of all coins; an absent coin is masked.
"""


def render_card(version: str, manifest: Mapping[str, Any]) -> str:
    """Return the card in Markdown, from the manifest that is published with it."""
    metrics = manifest["metrics"]
    spec = manifest["spec"]
    short = (
        "\nThe history was shorter than a year: status `bootstrap`, no evidence of skill."
        if manifest["is_short_history"]
        else ""
    )
    return _TEMPLATE.format(
        version=version,
        symbols=", ".join(spec["symbols"]),
        stable=", ".join(spec["stable"]) or "none",
        width=len(spec["sequence"]),
        trained_from=_hour(manifest["trained_from_ms"]),
        trained_until=_hour(manifest["trained_until_ms"]),
        validation_from=_hour(manifest["validation_from_ms"]),
        validation_until=_hour(manifest["validation_until_ms"]),
        expires=_hour(manifest["expires_ms"]),
        short=short,
        members=", ".join(manifest["members"]),
        seeds=", ".join(str(seed) for seed in manifest["seeds"]),
        against=_against(manifest.get("against")),
        coins="\n".join(
            f"| {symbol} | {value:.4f} |" for symbol, value in sorted(metrics["rmae"].items())
        ),
        **{
            name: manifest[name]
            for name in (
                "train_rows",
                "validation_rows",
                "snapshot",
                "median_weight",
                "commit",
                "weights_hash",
            )
        },
        **{name: value for name, value in metrics.items() if name != "rmae"},
    )


def _against(comparison: Mapping[str, Any] | None) -> str:
    if comparison is None:
        return ""
    return (
        f"\n\nOn the same windows against `{comparison['champion']}`, which served then: rMAE "
        f"{comparison['rmae']:+.4f} ({comparison['rmae_low']:+.4f} … {comparison['rmae_high']:+.4f}), pinball "
        f"{comparison['pinball']:+.2%} ({comparison['pinball_low']:+.2%} … {comparison['pinball_high']:+.2%})."
    )


def _hour(epoch_ms: int) -> str:
    return utc_time(epoch_ms).strftime("%Y-%m-%d %H:%M")
