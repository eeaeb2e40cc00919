"""The queries as parts of an application: how each is started, checked and paced."""

from __future__ import annotations

from functools import partial

from streaming import archive, candles, forecasts
from streaming.candles.balance import CandleBalance
from streaming.context import PipelineContext
from streaming.supervision import Query


def candles_query() -> Query:
    """Return the candles query; each batch must account for every record that it read."""
    balance = CandleBalance()
    return Query(partial(candles.start, balance=balance), balance.problems)


def forecast_query() -> Query:
    """Return the forecast query."""
    return Query(forecasts.start)


def archive_query() -> Query:
    """Return the archive query, which counts its own records."""
    return Query(archive.start, period_s=_archive_period_s)


def _archive_period_s(context: PipelineContext) -> float:
    return context.archive.trigger_minutes * 60 / context.run.speed
