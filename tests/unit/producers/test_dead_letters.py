from __future__ import annotations

import base64

import orjson
import pytest

from conf.contracts.dead_letters import MAX_RAW_BYTES
from producers.dead_letters import dead_letter
from producers.errors import BadMessage, Reason

pytestmark = pytest.mark.unit


def test_message_holds_reason_and_the_very_bytes() -> None:
    letter = dead_letter(BadMessage(Reason.BAD_PRICE, "'abc'", "BTCUSDT"), b"\xff{", 17)
    message = orjson.loads(letter.encode())
    assert base64.b64decode(message.pop("raw")) == b"\xff{"
    assert message == {
        "reason": "bad_price: 'abc'",
        "symbol": "BTCUSDT",
        "received_time_ms": 17,
        "topic": None,
        "partition": None,
        "offset": None,
    }
    assert letter.key == b"BTCUSDT"


def test_without_symbol_there_is_no_key() -> None:
    letter = dead_letter(BadMessage(Reason.MALFORMED, "no JSON"), b"{", 17)
    assert letter.key is None
    assert orjson.loads(letter.encode())["symbol"] is None


def test_a_monster_still_fits_into_a_record() -> None:
    letter = dead_letter(BadMessage(Reason.MALFORMED, "no JSON"), b"x" * 2_000_000, 17)
    assert len(letter.encode()) < 1_000_000
    assert base64.b64decode(orjson.loads(letter.encode())["raw"]) == b"x" * MAX_RAW_BYTES
