"""`GET /v1/forecasts`, `/v1/scores` and `/v1/scores/running`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.answers import listing, page, within_rows
from api.described import responses
from api.documents.forecasts import ForecastPage
from api.documents.scores import RunningScorePage, ScoreList
from api.params import ForecastQuery, RunningScoreQuery, ScoreQuery
from api.queries.forecasts import ForecastPageQuery
from api.queries.scores import RunningScorePageQuery, ScoreListQuery

router = APIRouter(tags=["forecasts"])


def _stable(request: Request) -> tuple[str, ...]:
    stable: tuple[str, ...] = request.app.state.stable_symbols
    return stable


@router.get("/forecasts", response_model=ForecastPage, responses=responses(400, 404))
def forecasts(request: Request, query: Annotated[ForecastQuery, Query()]) -> Response:
    """Forecasts of the next hour's close, and refusals with their reasons, by target hour."""
    query.require_order()
    query = within_rows(request, query)
    return page(request, ForecastPageQuery(query), symbol=query.symbol)


@router.get("/scores", response_model=ScoreList, responses=responses(404))
def scores(request: Request, query: Annotated[ScoreQuery, Query()]) -> Response:
    """Forecasts against what happened, beside 'same as last': error, direction, coverage, per coin and window."""
    return listing(request, ScoreListQuery(query, _stable(request)), symbol=query.symbol)


@router.get("/scores/running", response_model=RunningScorePage, responses=responses(400, 404))
def running_score(request: Request, query: Annotated[RunningScoreQuery, Query()]) -> Response:
    """The error of all forecasts from the start of the range up to each hour, beside 'same as last'."""
    query.require_order()
    query = within_rows(request, query)
    return page(request, RunningScorePageQuery(query, _stable(request)), symbol=query.symbol)
