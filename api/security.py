"""Who may read, and the headers that keep browsers from guessing."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Security
from fastapi.security import APIKeyHeader
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ApiError

KEY_HEADER = "X-API-Key"
_SCHEME = APIKeyHeader(
    name=KEY_HEADER, auto_error=False, description="The key that this server was given."
)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def key_guard(key: SecretStr) -> Callable[..., Awaitable[None]]:
    """Return the dependency that demands a key, compared in constant time."""
    expected = key.get_secret_value().encode()

    async def require_key(given: Annotated[str | None, Security(_SCHEME)] = None) -> None:
        # Header values arrive as latin-1; a client sends a key of other letters as UTF-8.
        if given is None or not hmac.compare_digest(given.encode("latin-1"), expected):
            message = f"send the key of this server in the header {KEY_HEADER}"
            raise ApiError(401, "unauthorized", message)

    return require_key


class SecurityHeaders:
    """Adds headers to every answer, whoever made it.

    Args:
        app: the application.
        is_shared: whether pages of other origins may read the answers.
    """

    def __init__(self, app: ASGIApp, *, is_shared: bool) -> None:
        self._app = app
        policy = "cross-origin" if is_shared else "same-origin"
        headers = HEADERS | {"Cross-Origin-Resource-Policy": policy}
        self._headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on and extend its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def extended(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._app(scope, receive, extended)
