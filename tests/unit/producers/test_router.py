from __future__ import annotations

from decimal import Decimal

import orjson
import pytest

from conf.contracts.dead_letters import DeadLetter
from conf.contracts.trades import TradeRecord
from conf.names import HOUR_MS
from producers.messages import Limits, Parser, Trade
from producers.questions import Policy, Start
from producers.router import Router
from producers.sequence import Sequencer

pytestmark = pytest.mark.unit

H0 = 470_000 * HOUR_MS


def router() -> tuple[Router, Sequencer]:
    sequencer = Sequencer("BTCUSDT", Policy(), Start(0, H0, H0, 1))
    return Router(Parser(Limits(5_000, Decimal("1e16"))), {"BTCUSDT": sequencer}), sequencer


def trade(trade_id: int, **changes: object) -> bytes:
    data = {"e": "trade", "E": H0, "s": "BTCUSDT", "t": trade_id, "p": "1.0", "q": "1.0"}
    return orjson.dumps({"stream": "x", "data": data | {"T": H0, "m": True, "M": True} | changes})


def test_a_trade_goes_to_its_sequencer() -> None:
    route, sequencer = router()
    (published,) = route.handle(trade(1), H0)
    assert isinstance(published, Trade)
    assert sequencer.last_id == 1


def test_a_closed_kline_goes_to_its_sequencer() -> None:
    route, _ = router()
    kline = {"t": H0, "i": "1h", "x": True, "f": -1, "L": -1, "n": 0}
    kline |= dict.fromkeys("ohlc", "1.0") | dict.fromkeys("vqVQ", "0")
    raw = orjson.dumps({"e": "kline", "E": H0, "s": "BTCUSDT", "k": kline})
    (record,) = route.handle(raw, H0 + HOUR_MS)
    assert isinstance(record, TradeRecord)
    assert record.kind == "CLOSE"


@pytest.mark.parametrize(
    ("raw", "reason", "symbol"),
    [
        (b"{", "malformed", None),
        (trade(1, p="abc"), "bad_price", "BTCUSDT"),
        (trade(1, e="tradeX"), "unknown_event", "BTCUSDT"),
        (trade(1, T=H0 + 5_001), "future_time", "BTCUSDT"),
        (trade(1, s="ETHUSDT"), "unknown_symbol", "ETHUSDT"),
    ],
)
def test_a_bad_message_becomes_a_dead_letter_and_moves_nothing(
    raw: bytes, reason: str, symbol: str | None
) -> None:
    route, sequencer = router()
    (letter,) = route.handle(raw, H0)
    assert isinstance(letter, DeadLetter)
    assert (letter.reason.split(":")[0], letter.symbol, letter.raw) == (reason, symbol, raw)
    assert letter.received_time_ms == H0
    assert sequencer.last_id == 0


def test_other_messages_are_counted_by_kind() -> None:
    route, _ = router()
    assert route.handle(b'{"e":"serverShutdown","E":1}', H0) == []
    assert route.others == {"serverShutdown": 1}
