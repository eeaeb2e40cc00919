"""`GET /v1/candles`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.answers import page, within_rows
from api.described import responses
from api.documents.candles import CandlePage
from api.params import CandleQuery
from api.queries.candles import CandlePageQuery

router = APIRouter(tags=["market"])


@router.get("/candles", response_model=CandlePage, responses=responses(400, 404))
def candles(request: Request, query: Annotated[CandleQuery, Query()]) -> Response:
    """Candles of one pair: hours in any revision or as known at a time, bars of 4 hours or a day."""
    query.require_sense()
    query = within_rows(request, query)
    return page(request, CandlePageQuery(query), symbol=query.symbol)
