"""One websocket connection, on picows: bytes of messages in a callback, nothing else."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSFrame,
    WSListener,
    WSMsgType,
    WSTransport,
    ws_connect,
)

from conf.producer import ProducerSettings

MAX_MESSAGE_BYTES = 1_048_576
# The library reports each lost connection itself; ours says it with more context.
_LIBRARY_LOG = logging.getLogger("nexthour.websocket")
_LIBRARY_LOG.addHandler(logging.NullHandler())
_LIBRARY_LOG.propagate = False
_SHUTDOWN = b"serverShutdown"
# An announcement is short; no trade is searched for the word.
_LONGEST_SHUTDOWN = 120


class Connection(WSListener):
    """An open websocket.

    Attributes:
        closed: set when it is gone, for whatever reason.
        shutdown: set when the exchange announced that it will close it.
    """

    def __init__(
        self, on_message: Callable[[bytes], None], on_closed: Callable[[Connection], None]
    ) -> None:
        self.closed = asyncio.Event()
        self.shutdown = asyncio.Event()
        self._on_message = on_message
        self._on_closed = on_closed
        self._transport: WSTransport | None = None
        self._opened_s = time.monotonic()
        self._parts: list[bytes] = []
        self._unseen: set[bytes] | None = None
        self._all_seen = asyncio.Event()

    # Called by the library

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Remember the transport."""
        self._transport = transport

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Hand out a message when it is whole."""
        kind = frame.msg_type
        if kind is WSMsgType.CLOSE:
            assert self._transport is not None
            self._transport.send_close(frame.get_close_code(), frame.get_close_message())
            self._transport.disconnect()
            return
        if kind is WSMsgType.PONG:
            return
        raw = frame.get_payload_as_bytes()
        if not frame.fin or self._parts:
            self._parts.append(raw)
            if not frame.fin:
                return
            raw = b"".join(self._parts)
            self._parts.clear()
        if len(raw) < _LONGEST_SHUTDOWN and _SHUTDOWN in raw:
            self.shutdown.set()
        if self._unseen is not None:
            self._note(raw)
        self._on_message(raw)

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Tell that it is gone."""
        self.closed.set()
        self._on_closed(self)

    # Called by the stream client

    def age_s(self) -> float:
        """Return for how long it has been open, wall seconds."""
        return time.monotonic() - self._opened_s

    def pause(self) -> None:
        """Stop reading from the socket."""
        if self._transport is not None and not self.closed.is_set():
            self._transport.underlying_transport.pause_reading()

    def resume(self) -> None:
        """Read again."""
        if self._transport is not None and not self.closed.is_set():
            self._transport.underlying_transport.resume_reading()

    def close(self) -> None:
        """Close it from our side."""
        if self._transport is not None and not self.closed.is_set():
            self._transport.send_close(WSCloseCode.OK)
            self._transport.disconnect()

    def watch(self, symbols: Iterable[str]) -> asyncio.Event:
        """Return an event that is set when each symbol has traded on this connection."""
        self._unseen = {symbol.lower().encode() for symbol in symbols}
        return self._all_seen

    def end_watch(self) -> set[bytes]:
        """Stop watching; return the symbols that have not traded."""
        unseen, self._unseen = self._unseen or set(), None
        return unseen

    def has_ended_with(self, close: tuple[int, str]) -> bool:
        """Tell whether the exchange closed it with this code and reason."""
        received = self._received()
        return self.closed.is_set() and received == close

    def reason(self) -> str:
        """Return why it ended, for people."""
        received = self._received()
        if received is not None:
            return f"closed by the exchange: {received[0]} {received[1]}".strip()
        handshake = None if self._transport is None else self._transport.close_handshake
        if handshake is not None and handshake.sent is not None:
            return handshake.sent.reason or "closed by us"
        return "cut without a close frame"

    def _received(self) -> tuple[int, str] | None:
        handshake = None if self._transport is None else self._transport.close_handshake
        if handshake is None or handshake.recv is None or not handshake.recv_then_sent:
            return None
        return handshake.recv.code.value, handshake.recv.reason or ""

    def _note(self, raw: bytes) -> None:
        """Cross off the symbol of a combined trade message."""
        assert self._unseen is not None
        head, at, _ = raw[:64].partition(b"@trade")
        if at:
            self._unseen.discard(head.rpartition(b'"')[2])
        if not self._unseen:
            self._all_seen.set()


async def open_connection(
    url: str,
    settings: ProducerSettings,
    on_message: Callable[[bytes], None],
    on_closed: Callable[[Connection], None],
) -> Connection:
    """Open a websocket.

    Raises:
        OSError, TimeoutError, picows.WSError: if it cannot be opened in `open_timeout_s`.
    """
    async with asyncio.timeout(settings.open_timeout_s):
        _, connection = await ws_connect(
            lambda: Connection(on_message, on_closed),
            url,
            websocket_handshake_timeout=settings.open_timeout_s,
            enable_auto_ping=True,
            auto_ping_idle_timeout=settings.ping_interval_s,
            auto_ping_reply_timeout=settings.ping_timeout_s,
            auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
            enable_auto_pong=True,
            max_frame_size=MAX_MESSAGE_BYTES,
            max_redirects=0,
            read_buffer_init_size=256 * 1024,
            logger_name=_LIBRARY_LOG,
        )
    assert isinstance(connection, Connection)
    return connection
