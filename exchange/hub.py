"""Who listens to what: subscriptions, and one serialisation of each message for all of them.

A client's messages are gathered during a turn of the player and written in one go. What its socket
has not taken yet waits in the transport's buffer; a client whose buffer passes the limit is cut, as
the exchange does, and never holds up the others.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import defaultdict

import structlog

from exchange import wire

_log = structlog.get_logger(__name__)


class Client:
    """One websocket: its streams, the form they come in, and what waits to be written."""

    def __init__(
        self,
        transport: asyncio.Transport,
        *,
        is_combined: bool,
        limit: int,
        is_micro: bool = False,
    ) -> None:
        self.is_combined = is_combined
        self.is_micro = is_micro
        self.streams: dict[str, None] = {}
        self.is_cut = False
        self.is_mute = False
        self._slow: bytearray | None = None
        self._transport = transport
        self._limit = limit
        self._pending: list[bytes] = []

    def queue(self, frame: bytes) -> None:
        """Take a frame for the next `flush`."""
        self._pending.append(frame)

    def flush(self) -> int:
        """Write what waits; return the number of frames, 0 if the client is gone or was cut."""
        pending, self._pending = self._pending, []
        if not pending or self.is_cut or self.is_mute or self._transport.is_closing():
            return 0
        if self._slow is not None:
            self._slow += b"".join(pending)
            return len(pending)
        self._transport.write(b"".join(pending))
        if self._transport.get_write_buffer_size() > self._limit:
            self.cut()
            _log.warning("slow client cut", unsent_bytes=self._limit)
            return 0
        return len(pending)

    def send(self, payload: bytes, opcode: int = wire.TEXT) -> None:
        """Write one frame now, after what waits."""
        self.queue(wire.frame(payload, opcode))
        self.flush()

    def cut(self, *, is_reset: bool = False) -> None:
        """Abort the TCP connection, without a close frame. What was written may still arrive.

        With ``is_reset`` the peer is sent an RST instead of a FIN.
        """
        self.is_cut = True
        peer = self._transport.get_extra_info("socket") if is_reset else None
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def cut_within(self, frame: bytes) -> None:
        """Write the first half of a frame after what waits, then abort the connection."""
        self.queue(frame[: len(frame) // 2])
        self.flush()
        self.cut()

    def slow_down(self) -> None:
        """Keep back what is to be written, for `trickle` and `speed_up`."""
        self._slow = bytearray() if self._slow is None else self._slow

    def trickle(self, count: int) -> None:
        """Write so many of the bytes that were kept back."""
        if self._slow and not self.is_cut and not self._transport.is_closing():
            self._transport.write(bytes(self._slow[:count]))
            del self._slow[:count]

    def speed_up(self) -> None:
        """Write all that was kept back, and keep nothing back any more."""
        if self._slow is not None:
            self.trickle(len(self._slow))
            self._slow = None

    def mute(self) -> None:
        """Send nothing and read nothing from now on; the connection stays open."""
        self.is_mute = True
        self._transport.pause_reading()


class Hub:
    """All clients and their subscriptions."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.messages_sent = 0
        self._by_stream: defaultdict[str, set[Client]] = defaultdict(set)
        self._touched: set[Client] = set()

    def add(self, client: Client) -> None:
        """Count a client in."""
        self.clients.add(client)

    def remove(self, client: Client) -> None:
        """Forget a client and its subscriptions."""
        self.unsubscribe(client, list(client.streams))
        self.clients.discard(client)
        self._touched.discard(client)

    def subscribe(self, client: Client, streams: list[str]) -> None:
        """Add streams to a client."""
        for stream in streams:
            client.streams[stream] = None
            self._by_stream[stream].add(client)

    def unsubscribe(self, client: Client, streams: list[str]) -> None:
        """Take streams from a client; unknown ones are ignored."""
        for stream in streams:
            client.streams.pop(stream, None)
            listeners = self._by_stream.get(stream)
            if listeners is not None:
                listeners.discard(client)
                if not listeners:
                    del self._by_stream[stream]

    def has_listeners(self, stream: str) -> bool:
        """Tell whether anybody listens to a stream."""
        return stream in self._by_stream

    def streams(self) -> list[str]:
        """Return the streams that anybody listens to."""
        return list(self._by_stream)

    def publish(self, stream: str, payload: bytes, wrapped: bytes | None = None) -> bool:
        """Queue a payload for the stream's listeners; tell whether there are any.

        ``wrapped`` is the combined form, if its exact bytes matter.
        """
        listeners = self._by_stream.get(stream)
        if not listeners:
            return False
        self._send(listeners, stream, payload, wrapped)
        return True

    def announce(self, stream: str, payload: bytes) -> None:
        """Queue a payload for every client, whatever it listens to."""
        self._send(self.clients, stream, payload, None)

    def tell(self, client: Client, stream: str, payload: bytes) -> None:
        """Write a payload to one client now, in its form, whatever it listens to."""
        kind = (client.is_combined, client.is_micro)
        client.send(_body(kind, stream, payload, None))

    def cut_within(self, stream: str, payload: bytes) -> None:
        """Write half of a payload's frame to each listener of a stream, and abort it."""
        for client in list(self._by_stream.get(stream, ())):
            kind = (client.is_combined, client.is_micro)
            client.cut_within(wire.frame(_body(kind, stream, payload, None)))
            self.remove(client)

    def cut_all(self) -> int:
        """Write what is queued and abort every connection; return how many."""
        self.flush()
        cut = list(self.clients)
        for client in cut:
            client.cut()
            self.remove(client)
        return len(cut)

    def _send(
        self, listeners: set[Client], stream: str, payload: bytes, wrapped: bytes | None
    ) -> None:
        if len(listeners) == 1:  # the common case, and the hot path
            for client in listeners:
                kind = (client.is_combined, client.is_micro)
                client.queue(wire.frame(_body(kind, stream, payload, wrapped)))
            self._touched |= listeners
            return
        forms: dict[tuple[bool, bool], bytes] = {}
        for client in listeners:
            kind = (client.is_combined, client.is_micro)
            form = forms.get(kind)
            if form is None:
                form = forms[kind] = wire.frame(_body(kind, stream, payload, wrapped))
            client.queue(form)
        self._touched |= listeners

    def flush(self) -> None:
        """Write all that is queued."""
        for client in self._touched:
            self.messages_sent += client.flush()
        self._touched.clear()


def _body(kind: tuple[bool, bool], stream: str, payload: bytes, wrapped: bytes | None) -> bytes:
    is_combined, is_micro = kind
    if is_micro:
        payload, wrapped = wire.to_microseconds(payload), None
    if not is_combined:
        return payload
    return wrapped if wrapped is not None else wire.combined(stream, payload)
