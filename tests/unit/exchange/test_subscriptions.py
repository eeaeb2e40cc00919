"""Control messages and who hears what."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import orjson
import pytest

from conf.standin import ErrorForm
from exchange.hub import Client, Hub
from exchange.subscriptions import answer
from exchange.wire import PING, combined, frame

pytestmark = pytest.mark.unit


class Transport:
    """A transport that keeps what is written; `taken` tells how much the peer reads."""

    def __init__(self) -> None:
        self.written = b""
        self.unsent = 0
        self.is_aborted = False
        self.is_paused = False

    def write(self, data: bytes) -> None:
        self.written += data

    def is_closing(self) -> bool:
        return self.is_aborted

    def get_write_buffer_size(self) -> int:
        return self.unsent

    def abort(self) -> None:
        self.is_aborted = True

    def pause_reading(self) -> None:
        self.is_paused = True


def make_client(hub: Hub, *, is_combined: bool = False) -> tuple[Client, Transport]:
    transport = Transport()
    client = Client(cast(asyncio.Transport, transport), is_combined=is_combined, limit=1_000_000)
    hub.add(client)
    return client, transport


def ask(hub: Hub, client: Client, request: Any) -> Any:
    text = request if isinstance(request, str) else orjson.dumps(request).decode()
    return orjson.loads(answer(hub, client, text))


def test_the_five_methods() -> None:
    hub = Hub()
    client, _ = make_client(hub)
    streams = ["btcusdt@trade", "ethusdt@kline_1h"]

    assert ask(hub, client, {"method": "SUBSCRIBE", "params": streams, "id": 1}) == {
        "result": None,
        "id": 1,
    }
    assert ask(hub, client, {"method": "LIST_SUBSCRIPTIONS", "id": "a1"}) == {
        "result": streams,
        "id": "a1",
    }
    ask(hub, client, {"method": "UNSUBSCRIBE", "params": streams[:1], "id": None})
    assert ask(hub, client, {"method": "LIST_SUBSCRIPTIONS"})["result"] == streams[1:]
    assert not ask(hub, client, {"method": "GET_PROPERTY", "params": ["combined"], "id": 3})[
        "result"
    ]
    ask(hub, client, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 4})
    assert ask(hub, client, {"method": "GET_PROPERTY", "params": ["combined"]})["result"]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"method": "SET_PROPERTY", "params": ["speed", True], "id": 1}, 0),
        ({"method": "SET_PROPERTY", "params": ["combined", 1], "id": 1}, 1),
        ({"method": "SET_PROPERTY", "params": [1, True], "id": 1}, 2),
        ({"method": "SET_PROPERTY", "params": ["combined", True, 1], "id": 1}, 2),
        ({"method": "DANCE", "id": 1}, 2),
        ({"params": [], "id": 1}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": 1.5}, 2),
        ({"method": "LIST_SUBSCRIPTIONS", "id": True}, 2),
        ("{", 3),
    ],
)
def test_errors_in_the_flat_form(request_: Any, code: int) -> None:
    hub = Hub()
    client, _ = make_client(hub)

    assert ask(hub, client, request_)["code"] == code


def test_errors_in_the_nested_form() -> None:
    hub = Hub()
    client, _ = make_client(hub)
    many = [f"s{n}@trade" for n in range(1025)]

    bad = ask(hub, client, {"method": "SUBSCRIBE", "params": ["btc usdt"], "id": 2})
    crowd = ask(hub, client, {"method": "SUBSCRIBE", "params": many, "id": 19})

    assert bad == {"error": {"code": 2, "msg": "Invalid request: invalid stream"}, "id": 2}
    assert crowd == {"error": {"code": 4, "msg": "Too many subscriptions"}, "id": 19}
    assert client.streams == {}


@pytest.mark.parametrize(("form", "is_nested"), [("flat", False), ("nested", True)])
def test_errors_in_the_form_asked_for(form: ErrorForm, is_nested: bool) -> None:
    hub = Hub()
    client, _ = make_client(hub)

    texts = ('{"method":"DANCE","id":1}', '{"method":"SUBSCRIBE","params":["a b"],"id":1}')
    replies = [orjson.loads(answer(hub, client, text, form)) for text in texts]

    assert [("error" in reply) for reply in replies] == [is_nested, is_nested]
    assert [reply["id"] for reply in replies] == [1, 1]


def test_all_clients_are_cut_after_what_is_queued() -> None:
    hub = Hub()
    clients = [make_client(hub) for _ in range(2)]
    hub.subscribe(clients[0][0], ["btcusdt@trade"])
    hub.publish("btcusdt@trade", b"{}")

    assert hub.cut_all() == 2

    assert clients[0][1].written == frame(b"{}")
    assert all(transport.is_aborted for _, transport in clients)
    assert not hub.clients
    assert not hub.has_listeners("btcusdt@trade")


def test_half_a_frame_goes_to_the_listeners_alone_before_they_are_cut() -> None:
    hub = Hub()
    (heard, heard_transport), (_, other_transport) = make_client(hub), make_client(hub)
    hub.subscribe(heard, ["btcusdt@trade"])
    hub.publish("btcusdt@trade", b'{"n":1}')

    hub.cut_within("btcusdt@trade", b'{"n":2}')
    hub.publish("btcusdt@trade", b'{"n":3}')
    hub.flush()

    whole = frame(b'{"n":2}')
    assert heard_transport.written == frame(b'{"n":1}') + whole[: len(whole) // 2]
    assert heard_transport.is_aborted
    assert not other_transport.is_aborted


def test_a_mute_client_is_sent_nothing_and_not_read() -> None:
    hub = Hub()
    client, transport = make_client(hub)
    hub.subscribe(client, ["btcusdt@trade"])

    client.mute()
    hub.publish("btcusdt@trade", b"{}")
    hub.flush()
    client.send(b"ping", PING)

    assert transport.written == b""
    assert transport.is_paused
    assert not transport.is_aborted


def test_one_client_is_told_in_its_form() -> None:
    hub = Hub()
    (raw, raw_transport), (_, other) = make_client(hub), make_client(hub)
    wrapped, wrapped_transport = make_client(hub, is_combined=True)

    for client in (raw, wrapped):
        hub.tell(client, "!serverShutdown", b"{}")

    assert raw_transport.written == frame(b"{}")
    assert wrapped_transport.written == frame(combined("!serverShutdown", b"{}"))
    assert other.written == b""


def test_a_stream_reaches_its_listeners_in_their_form() -> None:
    hub = Hub()
    raw, raw_transport = make_client(hub)
    wrapped, wrapped_transport = make_client(hub, is_combined=True)
    other, other_transport = make_client(hub)
    for client in (raw, wrapped):
        hub.subscribe(client, ["btcusdt@trade"])
    hub.subscribe(other, ["ethusdt@trade"])

    assert hub.publish("btcusdt@trade", b"{}")
    assert not hub.publish("nosuch@trade", b"{}")
    hub.flush()

    assert raw_transport.written == frame(b"{}")
    assert wrapped_transport.written == frame(combined("btcusdt@trade", b"{}"))
    assert other_transport.written == b""
    assert hub.messages_sent == 2


def test_a_client_that_left_hears_nothing() -> None:
    hub = Hub()
    client, transport = make_client(hub)
    hub.subscribe(client, ["btcusdt@trade"])
    hub.publish("btcusdt@trade", b"{}")

    hub.remove(client)
    hub.flush()

    assert transport.written == b""
    assert not hub.has_listeners("btcusdt@trade")


def test_a_slow_client_is_cut_and_the_others_go_on() -> None:
    hub = Hub()
    slow, slow_transport = make_client(hub)
    quick, quick_transport = make_client(hub)
    for client in (slow, quick):
        hub.subscribe(client, ["btcusdt@trade"])
    slow_transport.unsent = 2_000_000

    for _ in range(2):
        hub.publish("btcusdt@trade", b"{}")
        hub.flush()

    assert slow_transport.is_aborted
    assert quick_transport.written == 2 * frame(b"{}")


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_frames_of_any_size(size: int) -> None:
    data = frame(b"x" * size)

    header = len(data) - size
    assert data[0] == 0x81
    assert header == (2 if size < 126 else 4 if size < 65_536 else 10)
