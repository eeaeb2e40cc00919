"""The schema of `trades` and its released versions read each other's records, for all time.

A reader knows one schema: the file it was built with. So a change must hold in four ways: new readers
map an old id to its schema (`decode`), registries resolve both ways, and a reader that knows only an older file and takes every body for its own still reads newer ones right. The last needs more
than Avro's rules: fields are appended to the record itself, with defaults, and nested records are frozen.
"""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fastavro
import pytest

from conf.contracts import trades
from conf.contracts.errors import ContractError
from conf.contracts.trade_schemas import RELEASED_SCHEMAS, TRADE_SCHEMA_JSON
from conf.contracts.trades import decode, encode, writer_schemas

pytestmark = pytest.mark.unit

RELEASED = sorted((Path(trades.__file__).parent / "released").glob("trade-v*.avsc"))
# Values of older records with what a field that they lack means.
GOLDEN = [
    row | {"value": {"time_fell": False} | row["value"]}
    for row in json.loads((Path(__file__).parent / "golden" / "trades.json").read_text())
]
CURRENT = json.loads(TRADE_SCHEMA_JSON)
Schema = dict[str, Any]


def shape(schema: Any) -> Any:
    """Return a schema without what does not reach the bytes."""
    if isinstance(schema, dict):
        return {name: shape(part) for name, part in schema.items() if name != "doc"}
    return [shape(part) for part in schema] if isinstance(schema, list) else schema


def problems(earlier: Schema, later: Schema) -> list[str]:
    """Return how a later schema breaks readers of an earlier one, or the other way round."""
    old, new = shape(earlier), shape(later)
    found = [
        f"the {what} changed" for what in ("name", "namespace") if old.get(what) != new.get(what)
    ]
    count = len(old["fields"])
    for place, field in enumerate(old["fields"]):
        if place >= len(new["fields"]) or new["fields"][place] != field:
            found.append(f"{field['name']} is not what it was")
    found += [
        f"{field['name']} has no default"
        for field in new["fields"][count:]
        if "default" not in field
    ]
    return found


def write(value: Any, schema: Schema) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(copy.deepcopy(schema)), value)
    return buffer.getvalue()


def read(body: bytes, writer: Schema, reader: Schema) -> Any:
    return fastavro.schemaless_reader(
        io.BytesIO(body),
        fastavro.parse_schema(copy.deepcopy(writer)),
        fastavro.parse_schema(copy.deepcopy(reader)),
    )


def changed(change: Callable[[Schema], object]) -> Schema:
    schema = copy.deepcopy(CURRENT)
    change(schema)
    return schema


def field(schema: Schema, name: str) -> Schema:
    found: Schema = next(one for one in schema["fields"] if one["name"] == name)
    return found


def nested(schema: Schema, name: str) -> Schema:
    record: Schema = field(schema, name)["type"][1]
    return record


APPENDED = changed(
    lambda s: s["fields"].append({"name": "order_id", "type": ["null", "long"], "default": None})
)
NEW_FIELD = {"name": "extra", "type": ["null", "long"], "default": None}
WRONG: dict[str, Callable[[Schema], object]] = {
    "inserted mid-record": lambda s: s["fields"].insert(2, NEW_FIELD),
    "appended without default": lambda s: s["fields"].append({"name": "extra", "type": "long"}),
    "default removed": lambda s: field(s, "trade_id").pop("default"),
    "default changed": lambda s: field(s, "trade_id").update(type=["long", "null"], default=0),
    "type widened": lambda s: field(s, "trade_time_ms").update(type="double"),
    "field removed": lambda s: s["fields"].remove(field(s, "event_time_ms")),
    "field renamed": lambda s: field(s, "price").update(name="price_e8"),
    "fields swapped": lambda s: s["fields"].insert(0, s["fields"].pop(1)),
    "price and quantity swapped": lambda s: s["fields"].insert(3, s["fields"].pop(4)),
    "nested record appended to": lambda s: nested(s, "close")["fields"].append(NEW_FIELD),
    "nested record shortened": lambda s: nested(s, "close")["fields"].pop(),
    "record renamed": lambda s: s.update(name="Trade"),
}


def test_there_are_released_versions_in_order() -> None:
    assert [path.name for path in RELEASED] == [
        f"trade-v{number}.avsc" for number in range(1, len(RELEASED) + 1)
    ]
    assert [path.read_text() for path in RELEASED] == list(RELEASED_SCHEMAS.values())
    assert list(RELEASED_SCHEMAS) == list(range(1, len(RELEASED) + 1))


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
def test_the_schema_keeps_the_rule_for_every_released_version(path: Path) -> None:
    assert problems(json.loads(path.read_text()), CURRENT) == []


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.stem)
@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["what"])
def test_old_and_new_read_each_other(path: Path, row: dict[str, Any]) -> None:
    released = json.loads(path.read_text())
    names = [one["name"] for one in released["fields"]]
    value = {name: row["value"][name] for name in names}
    ours = read(write(value, released), released, CURRENT)
    assert {name: ours[name] for name in names} == value
    assert {name: ours[name] for name in ours if name not in names} == {
        one["name"]: one["default"] for one in CURRENT["fields"] if one["name"] not in names
    }
    newer = write(row["value"], CURRENT)
    assert read(newer, CURRENT, released) == value
    assert read(newer, released, released) == value  # knows only its own file


@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["what"])
def test_a_field_appended_with_a_default_is_a_fitting_evolution(row: dict[str, Any]) -> None:
    assert problems(CURRENT, APPENDED) == []
    newer = write(row["value"] | {"order_id": 7}, APPENDED)
    assert read(newer, CURRENT, CURRENT) == row["value"]
    assert read(newer, APPENDED, CURRENT) == row["value"]
    older = write(row["value"], CURRENT)
    assert read(older, CURRENT, APPENDED) == row["value"] | {"order_id": None}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_evolution_is_caught(what: str) -> None:
    assert problems(CURRENT, changed(WRONG[what])) != []


def read_by_file(value: dict[str, Any], writer: Schema) -> Any:
    """Return what a reader makes of a record that takes every body for its own; None if an error."""
    try:
        return read(write(value, writer), CURRENT, CURRENT)
    except Exception:
        return None


def test_readers_that_know_only_their_file_need_more_than_avros_rules() -> None:
    """Each of these is fine for a registry; such a reader misreads it, and once without an error."""
    value = GOLDEN[0]["value"]
    inserted = changed(WRONG["inserted mid-record"])
    assert read(write(value | {"extra": 7}, inserted), inserted, CURRENT) == value
    assert read_by_file(value | {"extra": 7}, inserted) != value
    swapped = changed(WRONG["price and quantity swapped"])
    assert read(write(value, swapped), swapped, CURRENT) == value
    assert read_by_file(value, swapped) == value | {
        "price": value["quantity"],
        "quantity": value["price"],
    }
    longer = changed(WRONG["nested record appended to"])
    closed = copy.deepcopy(next(row["value"] for row in GOLDEN if row["value"]["close"]))
    newer = closed | {"close": closed["close"] | {"extra": 7}}
    assert read(write(newer, longer), longer, CURRENT) == closed
    assert read_by_file(newer, longer) != closed


def test_a_removed_default_keeps_new_readers_from_old_records() -> None:
    strict = changed(lambda s: s["fields"].append({"name": "extra", "type": "long"}))
    with pytest.raises(Exception, match="extra"):
        read(write(GOLDEN[0]["value"], CURRENT), CURRENT, strict)


def test_decode_reads_records_of_other_ids_by_their_own_schema() -> None:
    record = decode(bytes.fromhex(GOLDEN[0]["hex"]), 2)
    body = write(GOLDEN[0]["value"] | {"order_id": 7}, APPENDED)
    shorter = changed(lambda s: s["fields"].remove(field(s, "event_time_ms")))
    old_body = write(GOLDEN[0]["value"], shorter)
    earlier = writer_schemas({8: json.dumps(APPENDED), 9: json.dumps(shorter)})
    assert decode(b"\x00\x00\x00\x00\x08" + body, 2, earlier) == record
    old = decode(b"\x00\x00\x00\x00\x09" + old_body, 2, earlier)
    assert (old.trade_id, old.price, old.event_time_ms) == (record.trade_id, record.price, None)
    assert decode(encode(record, 2), 2, earlier) == record


def test_an_id_that_is_in_no_map_is_refused() -> None:
    message = bytes.fromhex(GOLDEN[0]["hex"])
    earlier = writer_schemas({2: TRADE_SCHEMA_JSON})
    with pytest.raises(ContractError, match="schema id 1; expected 0 and 9"):
        decode(message, 9, earlier)
    with pytest.raises(ContractError, match="schema id 7; expected 0 and 9"):
        decode(b"\x00\x00\x00\x00\x07" + message[5:], 9)
    with pytest.raises(ContractError, match="magic byte 7"):
        decode(b"\x07" + message[1:], 1, earlier)
    alien = '{"type": "record", "name": "nexthour.TradeRecord", "fields": []}'
    with pytest.raises(ContractError, match="does not decode"):
        decode(message, 9, writer_schemas({1: alien}))


@pytest.mark.parametrize("text", ["no JSON", '{"type": "recor"}', '{"type": "record"}', "7"])
def test_a_schema_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ContractError, match="schema 4 is none"):
        writer_schemas({4: text})
