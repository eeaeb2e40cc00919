"""What OpenAPI says of every operation: its errors, its headers, its key. Pure."""

from __future__ import annotations

from typing import Any

from api.errors import ErrorDocument

DESCRIPTION = """
Exact hourly candles and honestly scored next-hour forecasts, as Postgres holds them. Read only.

* **Times** are ISO 8601; answers are in UTC with Z. Candles, forecasts and incidents are in exchange time, `updated_at`, `written_at` and `as_known_at` in wall time.
* **Prices and volumes** are exact decimals, as strings. Statistics are JSON numbers.
* **Lists** come in pages: send `next_cursor` as `cursor`, all else unchanged. Ranges are `from` inclusive, `until` exclusive.
* **Caching**: answers carry an `ETag`; send it as `If-None-Match` and get 304 for as long as nothing of the page has changed.
* **Errors** have one form, `ErrorDocument`, with one line that says what to do.
* **Source**: every answer says where its figures come from. Forecasts are no trading advice.
"""

_CODES = {
    400: "Each parameter fits its description, but not together, or the cursor is none of this list.",
    401: "The header X-API-Key is missing or wrong.",
    404: "There is no such thing here.",
    422: "A parameter does not fit its description, or there is no such parameter.",
    503: "Postgres does not answer, is busy, too slow, or has no tables yet; try again later.",
}
_EXAMPLES = {
    400: ("bad_combination", "until: from is later than until; exchange them", "until"),
    401: ("unauthorized", "send the key of this server in the header X-API-Key", None),
    404: (
        "unknown_symbol",
        "symbol: there is no 'ABC' here; /v1/symbols lists what there is",
        "symbol",
    ),
    422: (
        "invalid_parameter",
        "from: '2026-01-01' has no time zone; append Z for UTC: 2026-01-01T00:00:00Z",
        "from",
    ),
    503: ("store_down", "the database does not answer; try again later", None),
}
_ETAG = {
    "ETag": {
        "description": "Changes if and only if something of this page changes.",
        "schema": {"type": "string"},
        "example": '"q83vASNFZ4mrze8BI0Vn"',
    }
}


def responses(*codes: int, is_tagged: bool = True) -> dict[int | str, dict[str, Any]]:
    """Return the answers of an operation besides its success.

    Args:
        codes: of the errors beside 422 and 503, which any may give.
        is_tagged: whether it has an ETag and answers 304.
    """
    found: dict[int | str, dict[str, Any]] = {
        code: {
            "model": ErrorDocument,
            "description": _CODES[code],
            "content": {"application/json": {"example": _example(code)}},
        }
        for code in sorted((*codes, 422, 503))
    }
    if is_tagged:
        found[200] = {"headers": _ETAG}
        found[304] = {
            "description": "Nothing has changed since the ETag sent as If-None-Match.",
            "headers": _ETAG,
        }
    return found


def needs_key() -> dict[int | str, dict[str, Any]]:
    """Return the answer to a request without the server's key."""
    code = 401
    content = {"application/json": {"example": _example(code)}}
    return {code: {"model": ErrorDocument, "description": _CODES[code], "content": content}}


def _example(code: int) -> dict[str, Any]:
    name, message, parameter = _EXAMPLES[code]
    return {"error": {"code": name, "message": message, "parameter": parameter}}
