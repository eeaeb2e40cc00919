"""HTML of the models: which one serves, which served when, and what was done with them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from zoneinfo import ZoneInfo

from streamlit_app import formatting as f
from streamlit_app.markup.base import Html, dotted, scrolled, table
from streamlit_app.records.forecasts import ModelEventRow, ModelRow, ServedRow

STATUS_WORDS = {
    "bootstrap": "bootstrap: a first model on a short history, promoted because its validation "
    "pinball is not above that of the EWMA baseline; it has not passed the full evaluation",
    "champion": "champion: passed the full evaluation",
    "shadow": "shadow: tried beside the champion, its forecasts are kept but not shown as such",
    "previous": "previous: champion before the present one",
    "candidate": "candidate: not yet evaluated",
    "rejected": "rejected by the evaluation, in the shadow or after it had served",
    "retired": "retired",
}
EVENT_WORDS = {
    "training": ("", "training begins"),
    "trained": ("good", "trained"),
    "failed": ("bad", "training failed"),
    "shadow": ("", "tried in the shadow"),
    "promoted": ("good", "promoted"),
    "rejected": ("warn", "rejected"),
    "rolled_back": ("bad", "rolled back to"),
    "retired": ("", "retired"),
    "drift": ("warn", "drift"),
}


def serving_model(models: Sequence[ModelRow], now: datetime | None) -> str:
    """Return which model serves, with its status spelled out."""
    if not models:
        return '<p class="nh">No model yet: the first one is being trained.</p>'
    serving = models[0]
    verb = "Serving" if serving.last_served else "Not serving yet:"
    pinball = (
        f"Validation pinball {serving.val_pinball:.4f} against EWMA's {serving.ewma_pinball:.4f} "
        f"({f.percent(serving.val_pinball / serving.ewma_pinball - 1)}), "
        f"error ratio {serving.val_rmae:.4f} on validation"
    )
    words = escape(STATUS_WORDS.get(serving.status, serving.status))
    return (
        f'<div class="nh"><span>{verb} <b data-field="model">{escape(serving.version)}</b> '
        f'<span class="nh-source" data-field="model-status">{escape(serving.status)}</span></span>'
        f"<br><small>{words[:1].upper()}{words[1:]}. {pinball}. {_expiry(serving, now)}</small></div>"
    )


def _expiry(model: ModelRow, now: datetime | None) -> str:
    if model.expires_at is None or now is None:
        return ""
    if now >= model.expires_at:
        return "It has expired: forecasts are refused or come from the fallback."
    return f"It expires in {f.span(model.expires_at - now)} (exchange time)."


def model_table(models: Sequence[ModelRow], zone: ZoneInfo) -> str:
    """Return the model versions, the one that served last first."""
    rows = [
        (
            model.version,
            model.status,
            f"{model.hours_served:,}",
            f"{model.shadow_hours:,}",
            f"{f.day_time(model.trained_from, zone)} – {f.day_time(model.trained_until, zone)}",
            f"{model.train_rows:,}",
            f"{model.val_pinball:.4f}",
            f"{model.ewma_pinball:.4f}",
            f"{model.fit_seconds:.0f} s",
            f.day_time(model.expires_at, zone) if model.expires_at else f.NOTHING,
        )
        for model in models
    ]
    heads = (
        *("Model", "Status", "Hours served", "In the shadow", "Trained on", "Rows", "Pinball"),
        *("EWMA's", "Fit time", "Expires"),
    )
    return table(heads, rows, numbers=(2, 3, 5, 6, 7, 8))


def served_table(spans: Sequence[ServedRow], zone: ZoneInfo) -> str:
    """Return which version made the forecasts of which hours, the latest first."""
    if not spans:
        return '<p class="nh dim">No forecast has been made yet.</p>'
    rows = [
        (
            f.both_times(span.first_hour, zone),
            f.both_times(span.last_hour, zone),
            span.version,
            "served" if span.kind == "live" else "in the shadow",
            f"{span.hours:,}",
            f"{span.forecasts:,}",
            f"{span.refusals:,}",
            f"{span.scoring_ms:.0f} ms",
        )
        for span in spans
    ]
    heads = (
        *("First hour", "Last hour", "Model", "How", "Hours", "Forecasts", "Refusals"),
        "Time per batch",
    )
    return table(heads, rows, numbers=(4, 5, 6, 7))


def event_table(events: Sequence[ModelEventRow], zone: ZoneInfo) -> str:
    """Return what was done with versions and why, the latest first."""
    if not events:
        return '<p class="nh dim">Nothing yet: the life cycle has not taken a step.</p>'
    rows = [
        (
            f.both_times(event.happened_at, zone),
            _event(event.kind),
            event.version or f.NOTHING,
            event.reason,
        )
        for event in events
    ]
    return scrolled(table(("When (exchange)", "What", "Model", "Why"), rows))


def _event(kind: str) -> Html:
    level, words = EVENT_WORDS.get(kind, ("", kind.replace("_", " ")))
    return dotted(level, words)
