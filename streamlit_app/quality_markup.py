"""HTML of the forecast-quality page: what may be said, per coin, and of which model. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from zoneinfo import ZoneInfo

from streamlit_app import formatting as f
from streamlit_app import scoring
from streamlit_app.markup import table
from streamlit_app.records import ModelRow

STATUS_WORDS = {
    "bootstrap": "bootstrap: a first model on a short history, promoted because its validation "
    "pinball is not above that of the EWMA baseline; it has not passed the full evaluation",
    "champion": "champion: passed the full evaluation",
    "previous": "previous: champion before the present one",
    "candidate": "candidate: not yet evaluated",
    "rejected": "rejected by the evaluation",
    "retired": "retired",
}


def serving_model(models: Sequence[ModelRow]) -> str:
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
        f"<br><small>{words[:1].upper()}{words[1:]}. {pinball}.</small></div>"
    )


def opinion(result: scoring.Score | None) -> str:
    """Return the plain sentence about the forecasts, with the figures it rests on."""
    kind = scoring.opinion(result)
    if result is None:
        sentence, figures = "No forecast has met its close yet.", ""
    else:
        sentence = _sentence(kind, result)
        figures = _figures(result)
    return (
        f'<div class="nh"><p class="nh-verdict" data-field="opinion">{sentence}</p>'
        f"<p>{figures}</p></div>"
    )


def _sentence(kind: scoring.Opinion, result: scoring.Score) -> str:
    gain = f.percent(1 - result.ratio if result.ratio is not None else None, sign=False)
    loss = f.percent(result.ratio - 1 if result.ratio is not None else None, sign=False)
    return {
        "too_few": f"Too few hours to judge: {result.hours} of at least {scoring.HOURS_TO_JUDGE}.",
        "no_better": "No better than the last price, as far as can be told.",
        "better": f"Better than the last price by {gain} of its error.",
        "worse": f"Worse than the last price by {loss} of its error.",
    }[kind]


def _figures(result: scoring.Score) -> str:
    ratio = f"{result.ratio:.4f}" if result.ratio is not None else f.NOTHING
    t_value = f"{result.t:+.1f}".replace("-", f.MINUS) if result.t is not None else f.NOTHING
    return (
        f"{result.forecasts:,} forecasts of {result.hours:,} hours in the last 28 days: mean |error| "
        f"{f.percent(result.error, 4, sign=False)} against {f.percent(result.naive_error, 4, sign=False)} "
        f"for “same as last” (ratio {ratio}, t = {t_value} over hours); "
        f"{f.percent(result.coverage, 1, sign=False)} of closes inside the 90 % band "
        f"(± {f.percent(result.coverage_error, 1, sign=False)} by chance alone). "
        "USDC is left out here and shown below."
    )


def score_table(scores: Mapping[str, scoring.Score], left_out: int) -> str:
    """Return the score of each coin; `left_out` forecasts did not count."""
    rows = [
        (
            symbol,
            f"{result.forecasts:,}",
            f.percent(result.error, 4, sign=False),
            f.percent(result.naive_error, 4, sign=False),
            f"{result.ratio:.4f}" if result.ratio is not None else f.NOTHING,
            f.percent(result.coverage, 1, sign=False),
        )
        for symbol, result in scores.items()
    ]
    heads = (
        "Coin",
        "Forecasts",
        "|error|, model",
        "|error|, last close",
        "Ratio",
        "In 90 % band",
    )
    note = (
        f'<p class="nh dim">{left_out} not counted: made by the fallback, or their hour is partial '
        "or disputed.</p>"
        if left_out
        else ""
    )
    return table(heads, rows, numbers=(1, 2, 3, 4, 5)) + note


def model_table(models: Sequence[ModelRow], zone: ZoneInfo) -> str:
    """Return the model versions, the one that served last first."""
    rows = [
        (
            model.version,
            model.status,
            f"{model.hours_served:,}",
            f"{f.day_time(model.trained_from, zone)} – {f.day_time(model.trained_until, zone)}",
            f"{model.train_rows:,}",
            f"{model.val_pinball:.4f}",
            f"{model.ewma_pinball:.4f}",
            f"{model.fit_seconds:.0f} s",
        )
        for model in models
    ]
    heads = (
        "Model",
        "Status",
        "Hours served",
        "Trained on",
        "Rows",
        "Pinball",
        "EWMA's",
        "Fit time",
    )
    return table(heads, rows, numbers=(2, 4, 5, 6, 7))
