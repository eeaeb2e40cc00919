"""Entity tags of pages, and whether a client's tag is still the page's. Pure."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

FORMAT = 1
"""Raised whenever the documents change their form: what clients hold is then out of date."""
DIGEST_BYTES = 15


def etag(*parts: object) -> str:
    """Return a strong tag of what a page is made of: request, source and the rows' stamp."""
    text = repr((FORMAT, *parts)).encode()
    digest = hashlib.blake2b(text, digest_size=DIGEST_BYTES).digest()
    return f'"{urlsafe_b64encode(digest).decode()}"'


def is_current(if_none_match: str | None, tag: str) -> bool:
    """Tell whether a client's If-None-Match names the tag (weak comparison, RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return tag in (part.strip().removeprefix("W/") for part in if_none_match.split(","))
