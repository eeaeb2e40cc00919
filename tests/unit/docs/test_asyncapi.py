"""`docs/asyncapi.yaml` is a valid AsyncAPI 3.0 document and says what the code does, field by field."""

from __future__ import annotations

import copy
import dataclasses
import enum
import json
import re
import types
import typing
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from conf.contracts.candles import Candle
from conf.contracts.dead_letters import MAX_RAW_BYTES, DeadLetter
from conf.contracts.feed import FeedStatus
from conf.contracts.forecasts import Forecast
from conf.contracts.incidents import Incident
from conf.contracts.trade_schemas import TRADE_SCHEMA_JSON
from conf.names import Namespace
from conf.settings import KafkaSettings
from producers.errors import Reason
from producers.topics import topic_specs
from streaming.trades.predicate import REASONS, TOO_OLD

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[3]
FILE = ROOT / "docs" / "asyncapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(FILE.read_text())
GOLDEN = ROOT / "tests" / "unit" / "conf" / "golden"
SCHEMAS: dict[str, tuple[type, str]] = {
    "deadLetter": (DeadLetter, "dead_letters"),
    "incident": (Incident, "incidents"),
    "feedStatus": (FeedStatus, "feed"),
    "candle": (Candle, "candles"),
    "forecast": (Forecast, "forecasts"),
}
Json = dict[str, Any]

# ---- the structure that AsyncAPI 3.0 asks for --------------------------------------------------

ALLOWED = {
    "": {
        *("asyncapi", "id", "info", "servers", "defaultContentType", "channels", "operations"),
        "components",
    },
    "info": {
        *("title", "version", "description", "termsOfService", "contact", "license", "tags"),
        "externalDocs",
    },
    "server": {
        *("host", "protocol", "protocolVersion", "pathname", "description", "title", "summary"),
        *("variables", "security", "tags", "externalDocs", "bindings"),
    },
    "channel": {
        *("address", "messages", "title", "summary", "description", "servers", "parameters"),
        *("tags", "externalDocs", "bindings"),
    },
    "operation": {
        *("action", "channel", "title", "summary", "description", "security", "tags"),
        *("externalDocs", "bindings", "traits", "messages", "reply"),
    },
    "message": {
        *("headers", "payload", "correlationId", "contentType", "name", "title", "summary"),
        *("description", "tags", "externalDocs", "bindings", "examples", "traits"),
    },
    "parameter": {"enum", "default", "description", "examples", "location"},
    "components": {
        *("schemas", "servers", "channels", "operations", "messages", "securitySchemes"),
        *("serverVariables", "parameters", "correlationIds", "replies", "replyAddresses"),
        *("externalDocs", "tags", "operationTraits", "messageTraits", "serverBindings"),
        *("channelBindings", "operationBindings", "messageBindings"),
    },
}
REQUIRED = {
    "": {"asyncapi", "info"},
    "info": {"title", "version"},
    "server": {"host", "protocol"},
    "operation": {"action", "channel"},
}


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def resolve(document: Json, reference: str) -> Any:
    """Return what a reference points to: a part of the document, or a JSON file beside it."""
    place, _, pointer = reference.partition("#")
    node: Any = json.loads((FILE.parent / place).read_text()) if place else document
    for step in pointer.strip("/").split("/") if pointer else []:
        node = node[step]
    return node


def object_problems(kind: str, name: str, node: Json) -> list[str]:
    keys = {key for key in node if not key.startswith("x-")}
    unknown = keys - ALLOWED[kind]
    missing = REQUIRED.get(kind, set()) - keys
    found = [f"{kind} {name}: {key} is not allowed" for key in sorted(unknown)]
    return found + [f"{kind} {name}: {key} is missing" for key in sorted(missing)]


def channel_problems(name: str, channel: Json) -> list[str]:
    found = object_problems("channel", name, channel)
    if set(re.findall(r"{(\w+)}", channel["address"])) != set(channel.get("parameters", {})):
        found.append(f"channel {name}: parameters are not those of its address")
    return found


def operation_problems(name: str, operation: Json) -> list[str]:
    found = object_problems("operation", name, operation)
    if operation.get("action") not in ("send", "receive"):
        found.append(f"operation {name}: action")
    channel = operation.get("channel", {}).get("$ref", "")
    if not channel.startswith("#/channels/"):
        found.append(f"operation {name}: channel")
    for message in operation.get("messages", []):
        if not message["$ref"].startswith(f"{channel}/messages/"):
            found.append(f"operation {name}: its message is not the channel's")
    return found


def structure_problems(document: Json) -> list[str]:
    found = object_problems("", "root", document)
    if not re.fullmatch(r"3\.0\.\d+", str(document.get("asyncapi"))):
        found.append("asyncapi is not 3.0")
    found += object_problems("info", "info", document.get("info", {}))
    parts = document.get("components", {})
    found += object_problems("components", "components", parts)
    for kind, group in (
        ("server", document.get("servers", {})),
        ("message", parts.get("messages", {})),
        ("parameter", parts.get("parameters", {})),
    ):
        for name, node in group.items():
            found += object_problems(kind, name, node)
    for name, node in document.get("channels", {}).items():
        found += channel_problems(name, node)
    for name, node in document.get("operations", {}).items():
        found += operation_problems(name, node)
    for reference in references(document):
        try:
            resolve(document, reference)
        except (KeyError, OSError, TypeError):
            found.append(f"{reference} leads nowhere")
    return found


def without(*path: str) -> Callable[[Json], object]:
    def change(document: Json) -> object:
        for step in path[:-1]:
            document = document[step]
        return document.pop(path[-1])

    return change


BREAKS: dict[str, Callable[[Json], object]] = {
    "asyncapi is missing": without("asyncapi"),
    "version is missing": without("info", "version"),
    "host is missing": without("servers", "plain", "host"),
    "leads nowhere": without("components", "schemas", "candle"),
    "parameters are not those": without("channels", "feed", "parameters"),
    "operation sendFeedStatus: action": lambda d: d["operations"]["sendFeedStatus"].update(
        action="publish"
    ),
    "message is not the channel's": lambda d: d["operations"]["sendFeedStatus"].update(
        messages=[{"$ref": "#/channels/candles/messages/candle"}]
    ),
    "payloads is not allowed": lambda d: d["components"]["messages"]["trade"].update(payloads={}),
    "asyncapi is not 3.0": lambda d: d.update(asyncapi="2.6.0"),
}


def test_the_document_has_the_structure_of_asyncapi_3() -> None:
    assert structure_problems(DOCUMENT) == []


@pytest.mark.parametrize("complaint", BREAKS)
def test_a_broken_document_is_caught(complaint: str) -> None:
    broken = copy.deepcopy(DOCUMENT)
    BREAKS[complaint](broken)
    assert any(complaint in problem for problem in structure_problems(broken))


# ---- what it says against the code ----------------------------------------------------------------


def property_of(hint: Any) -> Json:
    """Return the JSON schema that the encoders give a field of this type."""
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        (inner,) = (part for part in typing.get_args(hint) if part is not type(None))
        schema = property_of(inner)
        return schema | {"type": [schema["type"], "null"]}
    if typing.get_origin(hint) is typing.Literal:
        return {"type": "string", "enum": list(typing.get_args(hint))}
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return {"type": "string", "enum": [member.value for member in hint]}
    if typing.get_origin(hint) is tuple:
        return {"type": "array", "items": property_of(typing.get_args(hint)[0])}
    return {
        float: {"type": "number"},
        str: {"type": "string"},
        int: {"type": "integer"},
        bool: {"type": "boolean"},
        Decimal: {"type": "string", "format": "decimal"},
        bytes: {"type": "string", "contentEncoding": "base64"},
    }[hint]


def schema_of(contract: type) -> Json:
    """Return the JSON schema of a contract's messages: every field, in order, all required."""
    hints = typing.get_type_hints(contract)
    names = [field.name for field in dataclasses.fields(contract)]
    properties = {name: property_of(hints[name]) for name in names}
    if contract is Incident:
        getter = typing.get_type_hints(Incident.duration_ms.fget)
        properties["duration_ms"] = property_of(getter["return"])
    return {"type": "object", "required": list(properties), "properties": properties}


def undescribed(schema: Json) -> Json:
    properties = {
        name: {key: value for key, value in one.items() if key != "description"}
        for name, one in schema["properties"].items()
    }
    return schema | {"properties": properties}


@pytest.mark.parametrize("name", SCHEMAS)
def test_message_schemas_are_those_of_the_code(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    contract, _ = SCHEMAS[name]
    expected = schema_of(contract)
    assert undescribed(schema) == expected
    assert list(schema["properties"]) == list(expected["properties"])
    assert all(one["description"] for one in schema["properties"].values())


@pytest.mark.parametrize("name", SCHEMAS)
def test_golden_messages_fit_their_schema(name: str) -> None:
    schema = DOCUMENT["components"]["schemas"][name]
    rows = json.loads((GOLDEN / f"{SCHEMAS[name][1]}.json").read_text())
    key_type = DOCUMENT["components"]["messages"][name]["bindings"]["kafka"]["key"]["type"]
    # Messages of an earlier version lack what was added since, as the descriptions say.
    rows = [row for row in rows if set(row["value"]) >= set(schema["required"])]
    assert rows
    for row in rows:
        message = json.loads(bytes.fromhex(row["hex"]))
        jsonschema.validate(message, schema)
        jsonschema.validate(row["key"], {"type": key_type})
        for field in schema["required"]:
            shorter = {key: value for key, value in message.items() if key != field}
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(shorter, schema)


def test_trades_are_described_by_the_schema_of_the_tree() -> None:
    message = DOCUMENT["components"]["messages"]["trade"]
    found = resolve(DOCUMENT, message["payload"]["schema"]["$ref"])
    assert found == json.loads(TRADE_SCHEMA_JSON)
    assert message["bindings"]["kafka"]["schemaIdLocation"] == "payload"


def test_limits_and_codes_of_dead_letters() -> None:
    fields = DOCUMENT["components"]["schemas"]["deadLetter"]["properties"]
    assert f"{MAX_RAW_BYTES:,} bytes" in fields["raw"]["description"]
    codes = re.search(
        r"the codes are (.*); of the archive query (.*)\.", fields["reason"]["description"]
    )
    assert codes is not None
    assert codes[1].split(", ") == [reason.value for reason in Reason]
    # What is only too old is kept by the archive, hence no dead letter.
    assert codes[2].split(", ") == [reason for reason in REASONS if reason != TOO_OLD]


def test_topics_are_those_that_are_made() -> None:
    described = {}
    for channel in DOCUMENT["channels"].values():
        kafka = channel["bindings"]["kafka"]
        config = {
            option: ",".join(value) if isinstance(value, list) else str(value)
            for option, value in kafka["topicConfiguration"].items()
        } | channel.get("x-topic-configuration", {})
        address = channel["address"].replace("{namespace}", "live")
        described[address] = (kafka["partitions"], config)
    made = topic_specs(KafkaSettings(), Namespace("live"))
    assert described == {spec.name: (spec.partitions, spec.config) for spec in made}


def test_every_channel_has_its_operation_and_every_message_its_channel() -> None:
    channels = {f"#/channels/{name}" for name in DOCUMENT["channels"]}
    sent = [operation["channel"]["$ref"] for operation in DOCUMENT["operations"].values()]
    assert sorted(sent) == sorted(channels)
    used = {
        message["$ref"]
        for channel in DOCUMENT["channels"].values()
        for message in channel["messages"].values()
    }
    assert used == {f"#/components/messages/{name}" for name in DOCUMENT["components"]["messages"]}
