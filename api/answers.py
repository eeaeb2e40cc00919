"""How a request becomes an answer: not modified, a page, or the one that says what is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from fastapi import Request
from fastapi.responses import Response
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.errors import ApiError
from api.etags import etag, is_current
from api.memo import StampMemo
from api.params import Paged
from api.queries.base import PageQuery, Row, Stamped, is_known
from api.store import Store
from conf.api import ApiSettings

P = TypeVar("P", bound=Paged)

JSON = "application/json"
NOT_MODIFIED = 304
REVALIDATE = "no-cache"
"""Caches may keep an answer but must ask each time; that is what stamps make cheap."""
NEVER = "no-store"


@dataclass(frozen=True, slots=True)
class Found:
    """What the store had for a request; no rows were read if the client holds them already."""

    tag: str
    source: Row
    rows: Sequence[Row] | None
    next_cursor: str | None = None


def json_response(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer in JSON."""
    return Response(
        orjson.dumps(content), status, {"Cache-Control": NEVER, **(headers or {})}, JSON
    )


def store_of(request: Request) -> Store:
    """Return the application's store."""
    store: Store = request.app.state.store
    return store


def settings_of(request: Request) -> ApiSettings:
    """Return the application's settings."""
    settings: ApiSettings = request.app.state.settings
    return settings


def within_rows(request: Request, query: P) -> P:
    """Return the query with a page that is not larger than this server allows.

    Raises:
        ApiError: if a larger one was asked for.
    """
    most = settings_of(request).max_rows
    if query.limit <= most:
        return query
    if "limit" in query.model_fields_set:
        message = f"limit: at most {most} rows a page here; go on with cursor"
        raise ApiError(422, "invalid_parameter", message, parameter="limit")
    return query.model_copy(update={"limit": most})


def found_page(request: Request, query: PageQuery, *, symbol: str | None = None) -> Found:
    """Ask the store for a page, in one snapshot; its rows only if the client does not hold them.

    Args:
        request: its path, query and If-None-Match count.
        query: the page.
        symbol: demanded to be known if the page is empty.

    Raises:
        ApiError: 404 if the symbol is not known.
        StoreError: if Postgres cannot answer.
    """
    store = store_of(request)
    address = f"{request.url.path}?{request.url.query}"

    def tag_of(stamped: Stamped) -> str:
        return etag(address, request.app.state.allowed, stamped.source, stamped.stamp)

    given = request.headers.get("if-none-match")
    if given is not None:
        memo: StampMemo = request.app.state.memo
        held = store.glance(lambda connection: memo.stamped(connection, address, query))
        if is_current(given, tag_of(held)):
            return Found(tag_of(held), held.source, None)

    def work(connection: Connection) -> tuple[Found, bool]:
        stamped = query.stamped(connection)
        rows, next_cursor = query.rows(connection)
        is_there = bool(rows) or symbol is None or is_known(connection, symbol)
        return Found(tag_of(stamped), stamped.source, rows, next_cursor), is_there

    found, is_there = store.read(work)
    if not is_there:
        message = f"symbol: there is no {symbol!r} here; /v1/symbols lists what there is"
        raise ApiError(404, "unknown_symbol", message, parameter="symbol")
    return found


def tagged(request: Request, found: Found, content: Mapping[str, Any] | None) -> Response:
    """Return an answer with its tag; 304 without a body if there is no content."""
    scope = "private, " if settings_of(request).key else ""
    headers = {"ETag": found.tag, "Cache-Control": scope + REVALIDATE}
    if content is None:
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return json_response(content, headers=headers)


def page(request: Request, query: PageQuery, *, symbol: str | None = None) -> Response:
    """Answer with a page of a list, or 304."""
    found = found_page(request, query, symbol=symbol)
    if found.rows is None:
        return tagged(request, found, None)
    content = {"source": found.source, "data": found.rows, "next_cursor": found.next_cursor}
    return tagged(request, found, content)


def listing(request: Request, query: PageQuery, *, symbol: str | None = None) -> Response:
    """Answer with a whole list, or 304."""
    found = found_page(request, query, symbol=symbol)
    content = None if found.rows is None else {"source": found.source, "data": found.rows}
    return tagged(request, found, content)
