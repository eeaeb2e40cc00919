"""HTML of the last evaluation: its verdict in words, the league table, predicted against actual. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from html import escape
from zoneinfo import ZoneInfo

from streamlit_app import formatting as f
from streamlit_app.intervals import HOUR
from streamlit_app.markup.base import Html, dotted, scrolled, table
from streamlit_app.records.evaluation import EvaluationRun, LeagueRow, Prediction

MOST_SHOWN = 168
NONE_YET = (
    '<p class="nh dim" data-field="evaluation">No evaluation is recorded here yet: '
    "<code>nexthour evaluate --record</code> does.</p>"
)


def introduction(
    run: EvaluationRun, league: Sequence[LeagueRow], wall_now: datetime, zone: ZoneInfo
) -> str:
    """Return what the evaluation found, in one plain sentence, and what it rests on."""
    better = [row.model for row in league if row.is_better]
    if better:
        words = f"Better than the last price: {escape(', '.join(better))}."
    else:
        words = "None of the models is better than the last price."
    doubts = "".join(f"<br>{dotted('warn', one)}" for one in run.warnings)
    return (
        f'<div class="nh" data-field="evaluation"><p class="nh-verdict">{words}</p>'
        f"<p>{len(league)} models on {run.hours:,} hours of {len(run.coins)} coins, "
        f"{f.both_times(run.first_open_time, zone)} to {f.both_times(run.last_open_time + HOUR, zone)}, "
        f"which none of them had seen; first fitted up to {f.both_times(run.train_until, zone)}, anew "
        f"every {run.refit_hours:,} hours; recorded {f.ago(wall_now - run.evaluated_at)}. Better means: "
        f"a smaller mean error than “same as last” with a Diebold-Mariano t of 2 or more.{doubts}</p></div>"
    )


def league_table(league: Sequence[LeagueRow]) -> str:
    """Return the models in the order of their error."""
    heads = (
        *("", "Model", "Error ÷ last price’s (95 %)", "t", "Direction right", "Pinball saved"),
        *(
            "In 90 % band",
            "In 50 % band",
            "Refused",
            "Seeds",
            "Fits",
            "Fit time",
            "Scoring",
            "Memory",
        ),
    )
    lines = [
        (
            f"{row.place}",
            _model(row),
            _interval(row),
            f.statistic(row.dm_t),
            f.share(row.da, row.da_se, 2),
            f.percent(row.pinball_skill),
            f.share(row.coverage_90),
            f.share(row.coverage_50),
            f.percent(row.refused, 1, sign=False),
            f"{row.seeds}" if row.seeds else f.NOTHING,
            f.NOTHING if row.fits is None else f"{row.fits:,}",
            _seconds(row.fit_s),
            _seconds(row.score_s),
            f.NOTHING if row.peak_mib is None else f"{row.peak_mib:,} MiB",
        )
        for row in league
    ]
    return table(heads, lines, numbers=(0, *range(2, len(heads))))


def _model(row: LeagueRow) -> Html:
    mark = f" {dotted('good', 'better')}" if row.is_better else ""
    return Html(f"{escape(row.model)}{mark}")


def _interval(row: LeagueRow) -> str:
    if row.rmae is None:
        return f.NOTHING
    if row.rmae_low is None or row.rmae_high is None:
        return f"{row.rmae:.4f}"
    return f"{row.rmae:.4f} ({row.rmae_low:.4f} – {row.rmae_high:.4f})"


def _seconds(value: float | None) -> str:
    return f.NOTHING if value is None else f.milliseconds(round(value * 1000))


def prediction_table(rows: Sequence[Prediction], tick: Decimal, zone: ZoneInfo) -> str:
    """Return the last hours of the test period, the latest first."""
    lines = [
        (
            f.both_times(row.target_open_time + HOUR, zone),
            f.rounded_price(row.last_close, tick),
            f.rounded_price(row.q50, tick),
            f"{f.rounded_price(row.q05, tick)} – {f.rounded_price(row.q95, tick)}",
            f.rounded_price(row.actual_close, tick),
            f.percent(row.q50 / row.actual_close - 1, 3),
            f.percent(row.last_close / row.actual_close - 1, 3),
            row.reason or ("refused" if row.is_refused else _inside(row)),
        )
        for row in list(reversed(rows))[:MOST_SHOWN]
    ]
    heads = (
        *("Close at", "Last price", "Median", "90 % band", "Actual", "Median off"),
        *("Last price off", "Band"),
    )
    return scrolled(table(heads, lines, numbers=(1, 2, 3, 4, 5, 6)))


def _inside(row: Prediction) -> str:
    return "inside" if row.q05 <= row.actual_close <= row.q95 else "outside"
