"""What a test may ask to go wrong over the control port or in a scenario: kinds and fields. Pure.

==================  =====================================  ========================================
kind                fields (default)                       what happens
==================  =====================================  ========================================
malformed           symbol, count (1)                      half of the trade's JSON
unknown_event       symbol, count (1)                      an event of no known type before it
bad_price           symbol, count (1)                      a price that is no number
future_time         symbol, count (1)                      a trade time one year ahead
past_time           symbol, count (1)                      a trade time one year back
falling_time        symbol, count (1)                      a trade time one minute back, in its hour
drop                symbol, count (1)                      not sent
duplicate           symbol, count (1)                      sent twice
reorder             symbol, count (1)                      sent after the symbol's next trade
delay               symbol, count (1), ms                  sent so many wall ms later
new_field           symbol, count (1)                      a field that no client knows
truncated_frame     symbol, count (1)                      a frame that ends early, then a TCP cut
drop_kline          symbol, count (1)                      the closed hour is not sent
burst               symbol, count (10000)                  extra trades in one second of an hour
cut                 count (all)                            TCP abort
close               count (all), code (1000), reason ("")  a close frame
half_open           count (all), seconds                   nothing at all, then a TCP abort
slow                count (all), seconds,                  frames come byte by byte, as over a
                    bytes_per_s (2000)                     very thin line; then the rest at once
shutdown            count (all), notice_s (0)              serverShutdown, then close 1001
refuse              seconds                                HTTP 503 for new websockets
life                seconds                                age at which every websocket is cut
rest_error          status, form (json), code,             an error answer; form json, html or empty,
                    retry_after_s, count (1), path         path e.g. historicalTrades
rest_stall          seconds, count (1), path               the answer comes so much later
rest_lag            ms                                     exchange ms that the database trails
error_form          form                                   of control errors: flat, nested, mixed
status              symbol, status                         TRADING, BREAK, HALT, CANCEL_ONLY, DELISTED
==================  =====================================  ========================================

A trade fault waits for the symbol's next trade that somebody hears; each trade takes at most one.
The book, and so REST and the oracle, keeps the truth. ``count`` of a connection fault takes the
oldest connections; all if it is left out.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from conf.standin import ErrorForm

_Count = Annotated[int, Field(ge=1)]
_DAY_S = 86_400
_Positive = Annotated[float, Field(gt=0, le=100 * _DAY_S)]
# Codes that a close frame cannot carry.
_RESERVED_CODES = (1004, 1005, 1006, 1015)


class TradeFault(StrEnum):
    """What happens to a trade message of a symbol's stream."""

    MALFORMED = "malformed"
    UNKNOWN_EVENT = "unknown_event"
    BAD_PRICE = "bad_price"
    FUTURE_TIME = "future_time"
    PAST_TIME = "past_time"
    FALLING_TIME = "falling_time"
    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    DELAY = "delay"
    NEW_FIELD = "new_field"
    TRUNCATED_FRAME = "truncated_frame"


class SymbolStatus(StrEnum):
    """The trading status of a symbol; DELISTED means that the exchange does not know it."""

    TRADING = "TRADING"
    BREAK = "BREAK"
    HALT = "HALT"
    CANCEL_ONLY = "CANCEL_ONLY"
    DELISTED = "DELISTED"


class FaultError(ValueError):
    """A fault request that makes no sense; the message says in one line what is allowed."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    kind: str


class _OfSymbol(_Request):
    symbol: str


class TradeRequest(_OfSymbol):
    """A fault of the next ``count`` trades of a symbol."""

    kind: Literal[
        "malformed",
        "unknown_event",
        "bad_price",
        "future_time",
        "past_time",
        "falling_time",
        "drop",
        "duplicate",
        "reorder",
        "new_field",
        "truncated_frame",
    ]
    count: _Count = 1


class DelayRequest(_OfSymbol):
    """The next ``count`` trades come ``ms`` of wall time later."""

    kind: Literal["delay"]
    count: _Count = 1
    ms: Annotated[int, Field(ge=1, le=600_000)]


class KlineRequest(_OfSymbol):
    """The next ``count`` closed hours are not sent."""

    kind: Literal["drop_kline"]
    count: _Count = 1


class BurstRequest(_OfSymbol):
    """``count`` extra trades in one second of the next hour."""

    kind: Literal["burst"]
    count: Annotated[int, Field(ge=1, le=1_000_000)] = 10_000


class StatusRequest(_OfSymbol):
    """A symbol's trading status from now on."""

    kind: Literal["status"]
    status: Literal["TRADING", "BREAK", "HALT", "CANCEL_ONLY", "DELISTED"]


class CutRequest(_Request):
    """Connections are aborted."""

    kind: Literal["cut"]
    count: _Count | None = None


class CloseRequest(_Request):
    """Connections are closed with a close frame."""

    kind: Literal["close"]
    count: _Count | None = None
    code: Annotated[int, Field(ge=1000, le=4999)] = 1000
    reason: Annotated[str, Field(max_length=100)] = ""

    @field_validator("code")
    @classmethod
    def _sendable(cls, code: int) -> int:
        if code in _RESERVED_CODES:
            message = f"{code} cannot be sent in a close frame"
            raise ValueError(message)
        return code


class HalfOpenRequest(_Request):
    """Connections fall silent for wall ``seconds`` and are aborted then."""

    kind: Literal["half_open"]
    count: _Count | None = None
    seconds: _Positive


class SlowRequest(_Request):
    """Connections get only so many bytes a second for wall ``seconds``, then what waits at once."""

    kind: Literal["slow"]
    count: _Count | None = None
    seconds: _Positive
    bytes_per_s: Annotated[int, Field(ge=20)] = 2_000


class ShutdownRequest(_Request):
    """Connections are told that the server stops, and closed ``notice_s`` wall seconds later."""

    kind: Literal["shutdown"]
    count: _Count | None = None
    notice_s: Annotated[float, Field(ge=0, le=_DAY_S)] = 0.0


class RefuseRequest(_Request):
    """New websockets are refused for wall ``seconds``."""

    kind: Literal["refuse"]
    seconds: _Positive


class LifeRequest(_Request):
    """Websockets, those open already too, are cut when they are wall ``seconds`` old."""

    kind: Literal["life"]
    seconds: _Positive


class RestErrorRequest(_Request):
    """The next ``count`` REST requests, of one path if it is named, are answered with an error."""

    kind: Literal["rest_error"]
    status: Annotated[int, Field(ge=400, le=599)]
    form: Literal["json", "html", "empty"] = "json"
    code: int | None = None
    retry_after_s: Annotated[int, Field(ge=0)] | None = None
    count: _Count = 1
    path: str | None = None


class RestStallRequest(_Request):
    """The next ``count`` REST requests are answered wall ``seconds`` later."""

    kind: Literal["rest_stall"]
    seconds: _Positive
    count: _Count = 1
    path: str | None = None


class RestLagRequest(_Request):
    """The database behind REST trails the streams by ``ms`` of exchange time."""

    kind: Literal["rest_lag"]
    ms: Annotated[int, Field(ge=0)]


class ErrorFormRequest(_Request):
    """The form of control errors from now on."""

    kind: Literal["error_form"]
    form: ErrorForm


ConnectionRequest = (
    CutRequest
    | CloseRequest
    | HalfOpenRequest
    | SlowRequest
    | ShutdownRequest
    | RefuseRequest
    | LifeRequest
)
RestRequest = RestErrorRequest | RestStallRequest | RestLagRequest
FaultRequest = (
    TradeRequest
    | DelayRequest
    | KlineRequest
    | BurstRequest
    | StatusRequest
    | ConnectionRequest
    | RestRequest
    | ErrorFormRequest
)
_MODELS: tuple[type[_Request], ...] = (
    TradeRequest,
    DelayRequest,
    KlineRequest,
    BurstRequest,
    StatusRequest,
    CutRequest,
    CloseRequest,
    HalfOpenRequest,
    SlowRequest,
    ShutdownRequest,
    RefuseRequest,
    LifeRequest,
    RestErrorRequest,
    RestStallRequest,
    RestLagRequest,
    ErrorFormRequest,
)
_ADAPTER: TypeAdapter[FaultRequest] = TypeAdapter(
    Annotated[FaultRequest, Field(discriminator="kind")]
)
_BY_KIND: dict[str, type[_Request]] = {
    kind: model for model in _MODELS for kind in get_args(model.model_fields["kind"].annotation)
}


def parse_fault(body: Any, symbols: Collection[str]) -> FaultRequest:
    """Return the request in a JSON object.

    Raises:
        FaultError: on an unknown kind, field or symbol, or a value out of range.
    """
    if not isinstance(body, dict):
        message = "the body must be a JSON object"
        raise FaultError(message)
    model = _BY_KIND.get(body["kind"]) if isinstance(body.get("kind"), str) else None
    if model is None:
        message = f"kind must be one of {', '.join(_BY_KIND)}"
        raise FaultError(message)
    try:
        request = _ADAPTER.validate_python(body)
    except ValidationError as error:
        raise FaultError(_one_line(error, body["kind"], model)) from None
    if isinstance(request, _OfSymbol) and request.symbol not in symbols:
        message = f"symbol must be one of {', '.join(sorted(symbols))}"
        raise FaultError(message)
    return request


def _one_line(error: ValidationError, kind: str, model: type[_Request]) -> str:
    first = error.errors()[0]
    field = ".".join(str(part) for part in first["loc"][1:]) or "body"
    allowed = ", ".join(name for name in model.model_fields if name != "kind")
    return f"{field}: {first['msg']}; {kind} takes {allowed}"
