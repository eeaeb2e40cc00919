"""HTML of the forecast-quality page: what may be said, and the figures per coin. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from streamlit_app import formatting as f
from streamlit_app import scoring
from streamlit_app.markup.base import table
from streamlit_app.records.forecasts import ScoreRow


def opinion(score: ScoreRow | None, window: str) -> str:
    """Return the plain sentence about the forecasts, with the figures it rests on."""
    if score is None:
        sentence, figures = "No forecast of this window has met its close yet.", ""
    else:
        sentence, figures = _sentence(score), _figures(score, window)
    return (
        f'<div class="nh"><p class="nh-verdict" data-field="opinion">{sentence}</p>'
        f"<p>{figures}</p></div>"
    )


def _sentence(score: ScoreRow) -> str:
    gain = f.percent(1 - score.ratio if score.ratio is not None else None, sign=False)
    loss = f.percent(score.ratio - 1 if score.ratio is not None else None, sign=False)
    return {
        "too_few": f"Too few hours to judge: {score.hours} of at least {scoring.HOURS_TO_JUDGE}.",
        "no_better": "No better than the last price, as far as can be told.",
        "better": f"Better than the last price by {gain} of its error.",
        "worse": f"Worse than the last price by {loss} of its error.",
    }[scoring.opinion(score)]


def _figures(score: ScoreRow, window: str) -> str:
    return (
        f"{score.forecasts:,} forecasts of {score.hours:,} hours in the last {window}: mean |error| "
        f"{f.percent(score.error, 4, sign=False)} against {f.percent(score.naive_error, 4, sign=False)} "
        f"for “same as last” (ratio {_ratio(score.ratio)}, t = {f.statistic(score.t)} over hours); the "
        f"direction was right {f.share(score.direction, score.direction_se)} of the time, a coin toss "
        f"being 50 %; {f.share(score.coverage_90, score.coverage_90_se)} of closes lay inside the "
        f"90 % band and {f.share(score.coverage_50, score.coverage_50_se)} inside the 50 % band. ± is "
        "one standard error over hours: the coins of an hour move together and count as one witness. "
        "USDC is left out here and shown below."
    )


def score_table(scores: Sequence[ScoreRow]) -> str:
    """Return the scores, all coins together first."""
    rows = [
        (
            score.symbol or "all but USDC",
            f"{score.forecasts:,}",
            f.percent(score.error, 4, sign=False),
            f.percent(score.naive_error, 4, sign=False),
            _ratio(score.ratio),
            f.statistic(score.t),
            f.share(score.direction, score.direction_se),
            f.share(score.coverage_90, score.coverage_90_se),
            f.share(score.coverage_50, score.coverage_50_se),
            _pinball(score),
        )
        for score in scores
    ]
    heads = (
        *("Coin", "Forecasts", "|error|, model", "|error|, last close", "Ratio", "t"),
        *("Direction right", "In 90 % band", "In 50 % band", "Pinball saved"),
    )
    return table(heads, rows, numbers=tuple(range(1, len(heads)))) + _left_out(scores)


def _left_out(scores: Sequence[ScoreRow]) -> str:
    """Say what does not count, by reason."""
    coins = [score for score in scores if score.symbol is not None]
    counts = (
        (sum(score.refusals for score in coins), "refused"),
        (sum(score.fallbacks for score in coins), "made by the fallback"),
        (sum(score.unjudged for score in coins), "of hours that are partial, disputed or missing"),
    )
    words = ", ".join(f"{count:,} {what}" for count, what in counts if count)
    return f'<p class="nh dim">Not counted: {words}.</p>' if words else ""


def _ratio(value: float | None) -> str:
    return f.NOTHING if value is None else f"{value:.4f}"


def _pinball(score: ScoreRow) -> str:
    """Return by how much the pinball loss is below that of the last close with EWMA bands."""
    if score.pinball is None or not score.naive_pinball:
        return f.NOTHING
    return f.percent(1 - score.pinball / score.naive_pinball)
