"""The application: endpoints, errors, headers and OpenAPI put together."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from anyio import to_thread
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from fastapi.openapi.utils import get_openapi

from api.answers import json_response, store_of
from api.described import DESCRIPTION, needs_key, responses
from api.events.hub import Hub
from api.handlers import add_handlers
from api.memo import StampMemo
from api.queries.base import source
from api.routes import candles, forecasts, stream, system
from api.security import KEY_HEADER, SecurityHeaders, key_guard
from api.store import Store
from conf.api import ApiSettings

VERSION = "1.0.0"
"""Of the contract, not of the program: fields and endpoints are added as 1.x, nothing else changes in /v1."""
OPENAPI_PATH = "/v1/openapi.json"
ROUTERS = (candles.router, forecasts.router, system.router, stream.router)
WAITING = 32
TAGS = [
    {"name": "market", "description": "Pairs, candles and the stream of what is new."},
    {"name": "forecasts", "description": "Forecasts, how good they were, and who made them."},
    {"name": "system", "description": "How the system is doing and what happened to it."},
]

health_router = APIRouter(tags=["system"])


@health_router.get(
    "/healthz",
    responses={503: responses(is_tagged=False)[503]},
    response_model=dict[str, str],
)
def healthz(request: Request) -> Response:
    """200 while Postgres answers and the run is prepared, else 503. Needs no key."""
    store_of(request).glance(source)
    return json_response({"status": "ok"})


def create_app(settings: ApiSettings, store: Store, stable_symbols: Sequence[str] = ()) -> FastAPI:
    """Return the application; it closes the store at its end.

    Args:
        settings: of the API.
        store: where the rows are.
        stable_symbols: coins that the scores of all coins together leave out.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        # So many may wait for a connection, each for a bounded time; the others queue behind them.
        to_thread.current_default_thread_limiter().total_tokens = settings.pool_size + WAITING
        yield
        app.state.hub.close()
        store.close()

    app = FastAPI(
        title="nexthour",
        summary="The read API of nexthour.",
        description=DESCRIPTION,
        version=VERSION,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
        openapi_url=OPENAPI_PATH,
        openapi_tags=TAGS,
        # Their pages are fetched from elsewhere; any viewer reads the description itself.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
        lifespan=lifespan,
    )
    app.state.settings = settings
    app.state.store = store
    app.state.stable_symbols = tuple(stable_symbols)
    # What else decides how a page looks: another server of other settings has other tags.
    app.state.allowed = (settings.max_rows, *stable_symbols)
    app.state.memo = StampMemo()
    app.state.hub = Hub(store, settings)
    guard: dict[str, Any] = {}
    if settings.key:
        guard = {"dependencies": [Depends(key_guard(settings.key))], "responses": needs_key()}
    for router in ROUTERS:
        app.include_router(router, prefix="/v1", **guard)
    app.include_router(health_router)
    add_handlers(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET"],
            allow_headers=[KEY_HEADER, "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Retry-After"],
        )
    app.add_middleware(SecurityHeaders, is_shared=bool(settings.cors_origins))
    app.openapi = lambda: openapi(app, settings)  # type: ignore[method-assign]
    return app


def openapi(app: FastAPI, settings: ApiSettings) -> dict[str, Any]:
    """Return the description of the API, with what this server's settings allow; made once."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title,
            version=app.version,
            summary=app.summary,
            description=app.description,
            routes=app.routes,
            license_info=app.license_info,
            tags=app.openapi_tags,
        )
        for path in schema["paths"].values():
            for parameter in path["get"].get("parameters", ()):
                if parameter["name"] == "limit":
                    parameter["schema"]["maximum"] = settings.max_rows
                    default = parameter["schema"]["default"]
                    parameter["schema"]["default"] = min(default, settings.max_rows)
        app.openapi_schema = schema
    return app.openapi_schema
