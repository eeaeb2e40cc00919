"""The schema's id comes from a registry, and a stranger reads `trades` with nothing but that.

The registry here is a small server with the answers that Confluent documents for its REST API: ids per
distinct schema, versions per subject, BACKWARD compatibility against the newest version, codes 409,
42201, 40403 and the content type.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

import fastavro
import pytest
from aiohttp import web
from fastavro.utils import generate_one

from conf.connections.schema_registry import (
    CONTENT_TYPE,
    SchemaRegistryError,
    registered_schema_id,
    schema_of_id,
    subject_schemas,
    trades_subject,
    with_registered_id,
)
from conf.contracts.trade_schemas import RELEASED_SCHEMAS, TRADE_SCHEMA_JSON
from conf.contracts.trades import TradeRecord, decode, encode, writer_schemas
from conf.names import HOUR_MS
from conf.producer import ProducerSettings
from conf.settings import KafkaSettings
from producers.kafka_producer import SinkConfig, open_producer
from producers.kafka_sink import KafkaSink
from producers.messages import Trade
from producers.tail import TailReader
from producers.topics import ensure_topics
from tests.support.bundle import Bundle
from tests.support.producer_runs import read_topic

pytestmark = pytest.mark.integration

SUBJECT = "live.trades-value"
H0 = 490_000 * HOUR_MS


class Registry:
    """The documented part of the REST API that a producer and a consumer use.

    Attributes:
        asked: method and path of each request.
        failures: how many of the next requests are answered with `failure`.
        login: user and password; None lets everybody in.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures = 0
        self.failure = (500, 50003)
        self.login: tuple[str, str] | None = None
        self.next_id = 100_001  # as in a registry that others have used, too
        self.ids: dict[str, int] = {}
        self.subjects: dict[str, list[str]] = {}

    def application(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        app.router.add_post("/subjects/{subject}/versions", self._register)
        app.router.add_get("/subjects/{subject}/versions", self._versions)
        app.router.add_get("/subjects/{subject}/versions/{version}", self._version)
        app.router.add_get("/schemas/ids/{id}", self._by_id)
        return app

    @web.middleware
    async def _guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        self.asked.append(f"{request.method} {request.path}")
        if self.failures:
            self.failures -= 1
            status, code = self.failure
            return self._error(status, code, "Error while forwarding the request to the primary")
        if self.login is not None:
            wanted = base64.b64encode(":".join(self.login).encode()).decode()
            if request.headers.get("Authorization") != f"Basic {wanted}":
                return self._error(401, 40101, "User cannot access the resource.")
        return await handler(request)

    def _error(self, status: int, code: int, message: str) -> web.Response:
        return self._json({"error_code": code, "message": message}, status)

    def _json(self, body: object, status: int = 200) -> web.Response:
        return web.json_response(body, status=status, content_type=CONTENT_TYPE)

    async def _register(self, request: web.Request) -> web.Response:
        if request.content_type != CONTENT_TYPE:
            return self._error(415, 415, "HTTP 415 Unsupported Media Type")
        text = json.loads(await request.read())["schema"]
        try:
            schema = fastavro.parse_schema(json.loads(text))
        except Exception:
            return self._error(422, 42201, "Input schema is an invalid Avro schema")
        canonical = json.dumps(json.loads(text))
        versions = self.subjects.setdefault(request.match_info["subject"], [])
        if canonical not in versions:
            if versions and not self._reads(schema, versions[-1]):
                return self._error(
                    409, 409, "Schema being registered is incompatible with an earlier schema"
                )
            versions.append(canonical)
        if canonical not in self.ids:
            self.ids[canonical] = self.next_id
            self.next_id += 1
        return self._json({"id": self.ids[canonical]})

    async def _versions(self, request: web.Request) -> web.Response:
        versions = self.subjects.get(request.match_info["subject"])
        if versions is None:
            return self._error(404, 40401, "Subject not found.")
        return self._json(list(range(1, len(versions) + 1)))

    async def _version(self, request: web.Request) -> web.Response:
        subject, version = request.match_info["subject"], int(request.match_info["version"])
        text = self.subjects[subject][version - 1]
        found = {"subject": subject, "version": version, "id": self.ids[text], "schema": text}
        return self._json(found)

    def _reads(self, reader: Any, earlier: str) -> bool:
        writer = fastavro.parse_schema(json.loads(earlier))
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, writer, generate_one(writer))
        buffer.seek(0)
        try:
            fastavro.schemaless_reader(buffer, writer, reader)
        except Exception:
            return False
        return True

    async def _by_id(self, request: web.Request) -> web.Response:
        for text, schema_id in self.ids.items():
            if schema_id == int(request.match_info["id"]):
                return self._json({"schema": text})
        return self._error(404, 40403, "Schema not found")


def serve(registry: Registry) -> tuple[str, Callable[[], None]]:
    """Serve from a thread of its own; return the URL and how to stop it."""
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(registry.application())
    ready = threading.Event()
    url: list[str] = []

    async def start() -> None:
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url.append(f"http://127.0.0.1:{runner.addresses[0][1]}")
        ready.set()

    def work() -> None:
        loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    assert ready.wait(10)

    def stop() -> None:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)

    return url[0], stop


@pytest.fixture
def registry() -> Iterator[tuple[Registry, KafkaSettings]]:
    served = Registry()
    url, stop = serve(served)
    yield served, KafkaSettings(schema_registry_url=f"{url}/")
    stop()


def appended(**field: object) -> str:
    """Return the schema with one more field at its end."""
    schema = json.loads(TRADE_SCHEMA_JSON)
    schema["fields"].append({"name": "order_id", "type": "long", **field})
    return json.dumps(schema)


def test_registering_twice_gives_the_same_id(registry: tuple[Registry, KafkaSettings]) -> None:
    server, kafka = registry
    first = registered_schema_id(kafka, SUBJECT)
    assert first == 100_001
    assert registered_schema_id(kafka, SUBJECT) == first
    assert registered_schema_id(kafka, "demo-1.trades-value") == first
    assert server.asked[0] == f"POST /subjects/{SUBJECT}/versions"
    assert json.loads(schema_of_id(kafka, first)) == json.loads(TRADE_SCHEMA_JSON)


def test_a_fitting_evolution_has_an_id_of_its_own_and_another_is_refused(
    registry: tuple[Registry, KafkaSettings],
) -> None:
    _, kafka = registry
    first = registered_schema_id(kafka, SUBJECT)
    assert registered_schema_id(kafka, SUBJECT, appended(default=0)) == first + 1
    with pytest.raises(
        SchemaRegistryError, match=r"409.*incompatible.*NEXTHOUR_NAMESPACE"
    ) as error:
        registered_schema_id(kafka, SUBJECT, appended().replace("order_id", "cost"))
    assert "\n" not in str(error.value)
    with pytest.raises(SchemaRegistryError, match=r"422.*invalid Avro schema"):
        registered_schema_id(kafka, SUBJECT, '{"type": "recor"}')
    with pytest.raises(SchemaRegistryError, match=r"404.*Schema not found"):
        schema_of_id(kafka, 7)


def test_all_versions_of_the_subject_are_known_and_the_released_ones_by_number(
    registry: tuple[Registry, KafkaSettings],
) -> None:
    _, kafka = registry
    first = registered_schema_id(kafka, SUBJECT, RELEASED_SCHEMAS[1])
    newest = registered_schema_id(kafka, SUBJECT, appended(default=0))
    known = with_registered_id(kafka, "live.trades")
    assert known.trades_schema_id not in (first, newest)
    assert {one: json.loads(text) for one, text in known.trades_writer_schemas.items()} == {
        **{number: json.loads(text) for number, text in RELEASED_SCHEMAS.items()},
        first: json.loads(RELEASED_SCHEMAS[1]),
        known.trades_schema_id: json.loads(TRADE_SCHEMA_JSON),
        newest: json.loads(appended(default=0)),
    }
    assert subject_schemas(kafka, SUBJECT).keys() == {first, newest, known.trades_schema_id}
    with pytest.raises(SchemaRegistryError, match=r"404.*Subject not found"):
        subject_schemas(kafka, "nobody.trades-value")


def test_ids_that_a_fresh_registry_gives_count_before_the_released_numbers(
    registry: tuple[Registry, KafkaSettings],
) -> None:
    server, kafka = registry
    server.next_id = 1
    known = with_registered_id(kafka, "live.trades")
    assert known.trades_schema_id == 1
    record = TradeRecord("TRADE", "BTCUSDT", H0, H0, "STREAM", 7, 1, 1, False, time_fell=True)
    writers = writer_schemas(known.trades_writer_schemas)
    assert decode(encode(record, 1), known.trades_schema_id, writers) == record


def test_a_version_that_is_no_schema_is_one_clear_line(
    registry: tuple[Registry, KafkaSettings],
) -> None:
    server, kafka = registry
    registered_schema_id(kafka, SUBJECT)
    server.subjects[SUBJECT].append('{"type": "recor"}')
    server.ids['{"type": "recor"}'] = 9
    with pytest.raises(SchemaRegistryError, match=f"subject {SUBJECT}: schema 9 is none") as error:
        subject_schemas(kafka, SUBJECT)
    assert "\n" not in str(error.value)


def test_a_registry_that_has_no_leader_for_a_moment_is_asked_again(
    registry: tuple[Registry, KafkaSettings],
) -> None:
    server, kafka = registry
    server.failures = 2
    assert registered_schema_id(kafka, SUBJECT) == 100_001
    server.failures = 3
    with pytest.raises(SchemaRegistryError, match=r"500.*forwarding"):
        registered_schema_id(kafka, SUBJECT)
    assert len(server.asked) == 6
    server.failures, server.failure = 1, (409, 409)
    with pytest.raises(SchemaRegistryError, match=r"409"):
        registered_schema_id(kafka, SUBJECT)
    assert len(server.asked) == 7  # an answer that stays the same is not asked for again


def test_login_and_what_is_said_without(registry: tuple[Registry, KafkaSettings]) -> None:
    server, kafka = registry
    server.login = ("key", "s3cret:x")
    with pytest.raises(SchemaRegistryError, match=r"401.*REGISTRY_USERNAME") as error:
        registered_schema_id(kafka, SUBJECT)
    assert "s3cret" not in str(error.value)
    known = KafkaSettings.model_validate(
        {
            "schema_registry_url": kafka.schema_registry_url,
            "schema_registry_username": "key",
            "schema_registry_password": "s3cret:x",
        }
    )
    assert registered_schema_id(known, SUBJECT) == 100_001


@pytest.mark.parametrize(
    "url",
    [
        "http://key:s3cret@127.0.0.1:9",
        "not a url",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
    ],
)
def test_no_registry_is_one_clear_line(url: str) -> None:
    with pytest.raises(SchemaRegistryError, match="NEXTHOUR_KAFKA_SCHEMA_REGISTRY_URL") as error:
        registered_schema_id(KafkaSettings(schema_registry_url=url), SUBJECT)
    assert "\n" not in str(error.value)
    assert "s3cret" not in str(error.value)


def test_an_authority_that_cannot_be_read_is_one_clear_line() -> None:
    kafka = KafkaSettings(
        schema_registry_url="https://127.0.0.1:9", schema_registry_ca_location="/nowhere.pem"
    )
    with pytest.raises(SchemaRegistryError, match="REGISTRY_CA_LOCATION"):
        registered_schema_id(kafka, SUBJECT)


def test_without_a_registry_the_id_is_the_setting() -> None:
    kafka = KafkaSettings(trades_schema_id=17)
    assert with_registered_id(kafka, "live.trades") is kafka
    with pytest.raises(SchemaRegistryError, match="no schema registry: set"):
        registered_schema_id(kafka, SUBJECT)


def test_a_stranger_reads_the_topic_with_the_registry_alone(
    settings: Bundle, registry: tuple[Registry, KafkaSettings]
) -> None:
    server, with_url = registry
    topic = settings.namespace.trades_topic
    ensure_topics(settings.kafka, settings.run)
    update = {"schema_registry_url": with_url.schema_registry_url}
    kafka = with_registered_id(settings.kafka.model_copy(update=update), topic)
    assert list(server.subjects) == [trades_subject(topic)]
    config = SinkConfig(
        kafka, ProducerSettings.model_validate({}), settings.namespace, "binance-spot", "1/1"
    )

    async def write() -> None:
        sink = KafkaSink(config, open_producer(config))
        await sink.put([Trade("BTCUSDT", 5, 6_168_599_000_000, 7, True, H0, H0, H0, "STREAM")])
        await sink.close()

    asyncio.run(write())
    (message,) = read_topic(kafka, topic)
    magic, schema_id = struct.unpack(">bI", message.value()[:5])
    assert (magic, schema_id) == (0, 100_001)
    schema = schema_of_id(kafka, schema_id)
    record = fastavro.schemaless_reader(io.BytesIO(message.value()[5:]), json.loads(schema), None)
    assert isinstance(record, dict)
    assert (record["symbol"], record["trade_id"], record["price"]) == (
        "BTCUSDT",
        5,
        6_168_599_000_000,
    )
    earlier = writer_schemas({schema_id: schema})
    assert decode(message.value(), 1, earlier) == decode(message.value(), schema_id)
    with TailReader(kafka, topic, "binance-spot") as reader:
        assert reader.read(["BTCUSDT"])["BTCUSDT"].last_id == 5
