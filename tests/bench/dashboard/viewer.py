"""A viewer without a browser: speaks Streamlit's own protocol over its websocket.

It opens a page as a browser does (the whole script runs) and then reruns the fragments that the page
asked to be rerun. What it is sent it reads to the end and does not draw.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

SUBPROTOCOL = "streamlit"
TIMEOUT_S = 60.0
MOST_MESSAGE_BYTES = 64 * 2**20


class ViewerError(RuntimeError):
    """A page failed, or was answered with something that a viewer could not see."""


class Viewer:
    """One session on one page.

    Attributes:
        fragments: ids of the fragments that the page asked to be rerun, in its order.
        received_bytes: of all messages so far.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, path: str, query: str) -> None:
        self._socket = socket
        self._path = path
        self._query = query
        self._page_hash = ""
        self.fragments: list[str] = []
        self.received_bytes = 0

    async def open(self) -> float:
        """Run the page; return the seconds until all of it was sent.

        Raises:
            ViewerError: if the page failed.
        """
        return await self._run("")

    async def refresh(self, fragment: str) -> float:
        """Rerun one fragment; return the seconds until all of it was sent.

        Raises:
            ViewerError: if it failed.
        """
        return await self._run(fragment)

    async def _run(self, fragment: str) -> float:
        message = BackMsg()
        client = message.rerun_script
        client.query_string = self._query
        client.page_name = self._path
        client.page_script_hash = self._page_hash
        client.fragment_id = fragment
        client.is_auto_rerun = bool(fragment)
        client.context_info.timezone = "UTC"
        begin = time.perf_counter()
        await self._socket.send_bytes(message.SerializeToString())
        while not self._is_finished(await self._socket.receive_bytes(timeout=TIMEOUT_S)):
            pass
        return time.perf_counter() - begin

    def _is_finished(self, data: bytes) -> bool:
        """Read one message and tell whether it is the last of a run."""
        self.received_bytes += len(data)
        message = ForwardMsg.FromString(data)
        kind = message.WhichOneof("type")
        if kind == "new_session":
            self._page_hash = message.new_session.page_script_hash
        elif kind == "auto_rerun":
            if message.auto_rerun.fragment_id not in self.fragments:
                self.fragments.append(message.auto_rerun.fragment_id)
        elif kind == "delta" and message.delta.new_element.WhichOneof("type") == "exception":
            raise ViewerError(message.delta.new_element.exception.message)
        elif kind == "script_finished":
            if message.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR:
                raise ViewerError(f"/{self._path} did not compile")
            return message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN
        return False


@asynccontextmanager
async def viewer(url: str, path: str, query: str = "") -> AsyncIterator[Viewer]:
    """Connect a viewer to a page that is not open yet."""
    address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(
            address, protocols=(SUBPROTOCOL,), max_msg_size=MOST_MESSAGE_BYTES, origin=url
        ) as socket,
    ):
        yield Viewer(socket, path, query)
