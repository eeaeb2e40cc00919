"""Addresses of streams. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

STREAMS_PER_CONNECTION = 1024


def stream_names(symbol: str) -> tuple[str, str]:
    """Return the streams of a symbol that the producer needs."""
    name = symbol.lower()
    return f"{name}@trade", f"{name}@kline_1h"


def stream_urls(base: str, symbols: Sequence[str], max_length: int) -> list[tuple[str, list[str]]]:
    """Return (URL, symbols) of the connections that together carry all streams.

    The streams stand in the URL: a subscription by message costs rate limit at each reconnect.

    Args:
        base: base of the streams, such as ``wss://stream.binance.com:9443``.
        symbols: upper case symbols.
        max_length: longest URL; a connection takes as many symbols as fit.
    """
    head = f"{base.rstrip('/')}/stream?streams="
    connections: list[tuple[str, list[str]]] = []
    url, taken, streams = head, list[str](), 0
    for symbol in symbols:
        names = stream_names(symbol)
        part = "/".join(quote(name, safe="@") for name in names)
        too_long = len(url) + len(part) + 1 > max_length
        if taken and (too_long or streams + len(names) > STREAMS_PER_CONNECTION):
            connections.append((url, taken))
            url, taken, streams = head, [], 0
        url += part if not taken else "/" + part
        taken.append(symbol)
        streams += len(names)
    if taken:
        connections.append((url, taken))
    return connections
