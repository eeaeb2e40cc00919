"""`GET /v1/symbols`, `/v1/models`, `/v1/incidents` and `/v1/status`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.answers import found_page, json_response, listing, page, store_of, tagged, within_rows
from api.described import responses
from api.documents.system import IncidentPage, ModelAnswer, ModelList, StatusAnswer, SymbolList
from api.errors import ApiError
from api.params import IncidentQuery, Name, Parameters
from api.queries import status as queries
from api.queries.incidents import IncidentPageQuery
from api.queries.models import ModelQuery
from api.queries.symbols import SymbolListQuery
from api.status import status_document

router = APIRouter()

NoQuery = Annotated[Parameters, Query()]


@router.get("/symbols", response_model=SymbolList, responses=responses(), tags=["market"])
def symbols(request: Request, _: NoQuery) -> Response:
    """The pairs that the run follows, in its order."""
    return listing(request, SymbolListQuery())


@router.get("/models", response_model=ModelList, responses=responses(), tags=["forecasts"])
def models(request: Request, _: NoQuery) -> Response:
    """Versions of the model with their status and validation, newest first."""
    return listing(request, ModelQuery())


@router.get(
    "/models/{version}", response_model=ModelAnswer, responses=responses(404), tags=["forecasts"]
)
def model(
    request: Request,
    version: Annotated[
        Name, Path(description="Which version.", examples=["20260101T000000Z-00d1ce"])
    ],
    _: NoQuery,
) -> Response:
    """One version of the model with its manifest."""
    found = found_page(request, ModelQuery(version))
    if found.rows is None:
        return tagged(request, found, None)
    if not found.rows:
        message = f"there is no model version {version!r}; /v1/models lists them"
        raise ApiError(404, "unknown_model", message, parameter="version")
    return tagged(request, found, {"source": found.source, "data": found.rows[0]})


@router.get("/incidents", response_model=IncidentPage, responses=responses(400), tags=["system"])
def incidents(request: Request, query: Annotated[IncidentQuery, Query()]) -> Response:
    """What happened to the feed and to the queries, the latest first."""
    query.require_order()
    query = within_rows(request, query)
    return page(request, IncidentPageQuery(query))


@router.get(
    "/status",
    response_model=StatusAnswer,
    responses=responses(is_tagged=False),
    tags=["system"],
)
def status(request: Request, _: NoQuery) -> Response:
    """How the system is doing now: feeds, queries, freshness, the exchange's time. Has no ETag."""

    def work(connection: Connection) -> dict[str, object]:
        return status_document(
            queries.run(connection),
            queries.sightings(connection),
            queries.feeds(connection),
            queries.jobs(connection),
        )

    return json_response(store_of(request).read(work))
