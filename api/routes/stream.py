"""`GET /v1/stream`: server-sent events."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse

from api.answers import settings_of
from api.described import responses
from api.errors import ApiError
from api.events.hub import Hub
from api.events.positions import MAX_ID_LENGTH, PositionError, parse_event_id
from api.events.told import Wanted
from api.params import StreamQuery

router = APIRouter(tags=["market"])

EVENT_STREAM = "text/event-stream"
_EXAMPLE = """\
event: source
data: {"namespace":"live","venue":"binance-spot","source_label":"live","speed":"1"}
id: 48213.1767243600000
retry: 2000

event: candle
data: {"symbol":"BTCUSDT","interval":"1h","open_time":"2026-01-01T05:00:00Z","revision":1,"close":"87648.22"}
id: 48217.1767243600000.c.BTCUSDT.2026-01-01T05:00:00Z.1
"""
# As FastAPI and OpenAPI 3.2 describe such a stream: one of its events.
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"type": "string", "enum": ["source", "candle", "forecast", "reset"]},
        "data": {"type": "string", "contentMediaType": "application/json"},
        "id": {"type": "string", "description": "Send it as Last-Event-ID to go on behind it."},
        "retry": {"type": "integer"},
    },
    "required": ["id"],
}
_OK: dict[int | str, dict[str, Any]] = {
    200: {
        "description": '`source` first; then `candle` (a CandleDocument) and `forecast` (a ForecastDocument) as they are written; `reset` (`{"reason": …}`) if something was missed. Comments are signs of life.',
        "content": {EVENT_STREAM: {"itemSchema": _EVENT, "example": _EXAMPLE}},
    }
}


class EventStream(StreamingResponse):
    """An endless answer of server-sent events."""

    media_type = EVENT_STREAM


@router.get(
    "/stream",
    response_class=Response,
    responses=_OK | responses(400, is_tagged=False),
)
async def stream(
    request: Request,
    query: Annotated[StreamQuery, Query()],
    last_event_id: Annotated[
        str | None,
        Header(
            description="Id of the last event received: everything since then comes first. Browsers send it by themselves.",
            max_length=MAX_ID_LENGTH,
        ),
    ] = None,
) -> Response:
    """New candles and forecasts as server-sent events: final hours once each, also repaired ones.

    Each event is told once the transaction that wrote it and all older ones have ended. With the id of the
    last event received nothing is missed and nothing comes twice. History that is loaded is not told.
    """
    hub: Hub = request.app.state.hub
    if query.follow and hub.listeners >= settings_of(request).sse_max_streams:
        message = "as many streams are open as this server allows; try again later"
        raise ApiError(503, "too_many_streams", message)
    try:
        last = parse_event_id(last_event_id) if last_event_id else None
    except PositionError as error:
        raise ApiError(400, "bad_event_id", f"Last-Event-ID: {error}") from error
    opening = await hub.open(last)
    wanted = Wanted(frozenset(query.symbol), frozenset(query.type), query.provisional)
    return EventStream(
        hub.stream(opening, wanted, follow=query.follow),
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
