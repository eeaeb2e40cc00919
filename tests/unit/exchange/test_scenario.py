"""Scenario files: what is read, and one line for what is not."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from exchange.errors import StandInError
from exchange.scenario import parse_scenario, read_scenario

pytestmark = pytest.mark.unit

SYMBOLS = ("BTCUSDT",)
CUT = {"at_s": 5, "kind": "cut"}
DROP = {"at_trade": {"symbol": "BTCUSDT", "id": 9}, "kind": "drop", "symbol": "BTCUSDT"}


@pytest.mark.parametrize(
    "content",
    [
        orjson.dumps([CUT, DROP]),
        b"\n" + orjson.dumps(CUT) + b"\n\n" + orjson.dumps(DROP) + b"\n",
        b" " + orjson.dumps([CUT, DROP], option=orjson.OPT_INDENT_2),
    ],
)
def test_a_list_or_lines(content: bytes) -> None:
    cut, drop = parse_scenario(content, SYMBOLS, "x")

    assert (cut.at_s, cut.request.kind) == (5.0, "cut")
    assert (drop.at_s, drop.symbol, drop.trade_id) == (None, "BTCUSDT", 9)
    assert drop.request.kind == "drop"


def test_nothing_is_a_scenario_too() -> None:
    assert parse_scenario(b"", SYMBOLS, "x") == []
    assert parse_scenario(b"[]", SYMBOLS, "x") == []


@pytest.mark.parametrize(
    ("second", "named"),
    [
        (b"{", "no JSON"),
        (b"7", "at_s"),
        (orjson.dumps({"kind": "cut"}), "at_s"),
        (orjson.dumps({**CUT, **DROP}), "at_s"),
        (orjson.dumps({**CUT, "at_s": -1}), "at least 0"),
        (orjson.dumps({**CUT, "at_s": True}), "at least 0"),
        (orjson.dumps({**CUT, "kind": "fire"}), "kind must be one of"),
        (orjson.dumps({**CUT, "weight": 1}), "weight"),
        (orjson.dumps({**DROP, "symbol": "X"}), "symbol must be one of BTCUSDT"),
        (orjson.dumps({**DROP, "at_trade": {"symbol": "X", "id": 1}}), "at_trade must be"),
        (orjson.dumps({**DROP, "at_trade": {"symbol": "BTCUSDT", "id": "1"}}), "at_trade must be"),
        (orjson.dumps({**DROP, "at_trade": {"symbol": "BTCUSDT"}}), "at_trade must be"),
        (orjson.dumps({**DROP, "at_trade": 9}), "at_trade must be"),
    ],
)
def test_a_wrong_entry_is_named_in_one_line(second: bytes, named: str) -> None:
    with pytest.raises(StandInError) as caught:
        parse_scenario(orjson.dumps(CUT) + b"\n" + second, SYMBOLS, "storm.jsonl")

    message = str(caught.value)
    assert message.startswith("scenario storm.jsonl, entry 2: ")
    assert named in message
    assert len(message.splitlines()) == 1


def test_a_list_that_is_no_json() -> None:
    with pytest.raises(StandInError, match=r"scenario storm\.json: no JSON"):
        parse_scenario(b'[{"at_s": 1,]', SYMBOLS, "storm.json")


def test_a_missing_file_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(StandInError, match="NEXTHOUR_STANDIN_SCENARIO"):
        read_scenario(tmp_path / "none.json", SYMBOLS)
