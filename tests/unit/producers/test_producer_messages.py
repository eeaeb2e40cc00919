"""Documented payloads become values; everything else is refused with a stable reason."""

from __future__ import annotations

import contextlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contracts.trades import Close
from producers.errors import BadMessage, Reason
from producers.messages import ClosedKline, Limits, Other, Parser, Trade, rest_kline

pytestmark = pytest.mark.unit

PAYLOADS = Path(__file__).parent / "payloads"
PARSER = Parser(Limits(5_000, Decimal("1e16")))
AFTER_ALL = 1_800_000_000_000


def payload(name: str) -> bytes:
    return (PAYLOADS / f"{name}.json").read_bytes()


def changed(name: str, **fields: Any) -> bytes:
    """Return a payload of which some fields of the trade or kline are others."""
    message = orjson.loads(payload(name))
    data = message.get("data", message)
    target = data.get("k", data)
    for key, value in fields.items():
        if value is None:
            del target[key]
        else:
            target[key] = value
    return orjson.dumps(message)


def refused(raw: bytes, received_ms: int = AFTER_ALL) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        PARSER.stream_message(raw, received_ms)
    return caught.value


def test_raw_trade() -> None:
    assert PARSER.stream_message(payload("ws_trade"), 1672515782200) == Trade(
        symbol="BNBBTC",
        trade_id=12345,
        price=100_000,
        quantity=10_000_000_000,
        buyer_is_maker=True,
        trade_time_ms=1672515782136,
        event_time_ms=1672515782136,
        received_time_ms=1672515782200,
        source="STREAM",
    )


def test_captured_trade_is_exact() -> None:
    trade = PARSER.stream_message(payload("ws_trade_captured"), 1723161255350)
    assert isinstance(trade, Trade)
    assert (trade.trade_id, trade.price, trade.quantity) == (3735683259, 6183763000000, 2000000)
    assert (trade.trade_time_ms, trade.event_time_ms) == (1723161255342, 1723161255343)


def test_unknown_fields_are_ignored() -> None:
    trade = PARSER.stream_message(payload("ws_trade_boundary"), AFTER_ALL)
    assert isinstance(trade, Trade)
    assert trade.price == 100_000
    assert trade.buyer_is_maker is False


def test_closed_kline_keeps_the_exchanges_own_text() -> None:
    kline = PARSER.stream_message(payload("ws_kline_closed"), 1723161600010)
    assert kline == ClosedKline(
        "BTCUSDT",
        Close(
            open_time_ms=1723158000000,
            witness="STREAM",
            first_trade_id=100,
            last_trade_id=199,
            trades=100,
            open=100_000,
            high=250_000,
            low=150_000,
            close=200_000,
            volume="1000",
            quote_volume="1.0000",
            taker_buy_volume="500",
            taker_buy_quote_volume="0.500",
        ),
        1723161600010,
    )


def test_quiet_kline() -> None:
    kline = PARSER.stream_message(payload("ws_kline_quiet"), AFTER_ALL)
    assert isinstance(kline, ClosedKline)
    close = kline.close
    assert (close.first_trade_id, close.last_trade_id, close.trades) == (-1, -1, 0)


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (payload("ws_kline_open"), "openKline"),
        (changed("ws_kline_closed", i="1m"), "kline"),
        (payload("ws_server_shutdown"), "serverShutdown"),
        (b'{"e":"aggTrade","s":"BTCUSDT","a":1}', "aggTrade"),
        (b'{"u":400900217,"s":"BNBUSDT","b":"25.3","B":"31","a":"25.4","A":"40"}', "bookTicker"),
        (b'{"result":null,"id":1}', "reply"),
        (b'{"error":{"code":2,"msg":"Invalid request"},"id":2}', "reply"),
    ],
)
def test_known_others(raw: bytes, kind: str) -> None:
    assert PARSER.stream_message(raw, AFTER_ALL) == Other(kind)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", Reason.MALFORMED),
        (b'{"e":"trade"', Reason.MALFORMED),
        (b"\xff\xfe", Reason.MALFORMED),
        (b"[]", Reason.MALFORMED),
        (b"null", Reason.MALFORMED),
        (b'{"stream":"x","data":[1]}', Reason.MALFORMED),
        (b'{"e":"trade"}', Reason.MALFORMED),
        (changed("ws_trade", s=7), Reason.MALFORMED),
        (changed("ws_trade", t="12345"), Reason.MALFORMED),
        (changed("ws_trade", t=True), Reason.MALFORMED),
        (changed("ws_trade", t=2**63), Reason.MALFORMED),
        (changed("ws_trade", t=None), Reason.MALFORMED),
        (changed("ws_trade", T=1.5), Reason.MALFORMED),
        (changed("ws_trade", m="true"), Reason.MALFORMED),
        (changed("ws_trade", e="tradeX"), Reason.UNKNOWN_EVENT),
        (changed("ws_trade", e=None), Reason.UNKNOWN_EVENT),
        (changed("ws_trade", e=["trade"]), Reason.UNKNOWN_EVENT),
        (changed("ws_trade", p="abc"), Reason.BAD_PRICE),
        (changed("ws_trade", p="NaN"), Reason.BAD_PRICE),
        (changed("ws_trade", p="Infinity"), Reason.BAD_PRICE),
        (changed("ws_trade", p=""), Reason.BAD_PRICE),
        (changed("ws_trade", p=1.5), Reason.BAD_PRICE),
        (changed("ws_trade", p=None), Reason.BAD_PRICE),
        (changed("ws_trade", p="0.00000000"), Reason.BAD_PRICE),
        (changed("ws_trade", p="-1.00000000"), Reason.BAD_PRICE),
        (changed("ws_trade", p="1.000000001"), Reason.BAD_PRICE),
        (changed("ws_trade", p="999999999999.00000000"), Reason.BAD_PRICE),
        (changed("ws_trade", p="1_0.00000000"), Reason.BAD_PRICE),
        (changed("ws_trade", p="١٢.00000000"), Reason.BAD_PRICE),
        (changed("ws_trade", p=" 1.00000000"), Reason.BAD_PRICE),
        (changed("ws_trade", q="0"), Reason.BAD_QUANTITY),
        (changed("ws_trade", q="x"), Reason.BAD_QUANTITY),
        (changed("ws_trade", p="10000000000", q="10000000000"), Reason.NOTIONAL_TOO_LARGE),
        (changed("ws_kline_closed", f=5, L=4), Reason.MALFORMED),
        (changed("ws_kline_closed", n=-1), Reason.MALFORMED),
        (changed("ws_kline_closed", t=1723158000001), Reason.MALFORMED),
        (changed("ws_kline_closed", c="?"), Reason.BAD_PRICE),
        (changed("ws_kline_closed", v="NaN"), Reason.MALFORMED),
        (changed("ws_kline_closed", v=1000), Reason.MALFORMED),
    ],
)
def test_refused(raw: bytes, reason: Reason) -> None:
    assert refused(raw).code == reason


def test_refusal_names_the_symbol_if_it_can() -> None:
    assert refused(changed("ws_trade", p="abc")).symbol == "BNBBTC"
    assert refused(b"{").symbol is None


@pytest.mark.parametrize(("ahead_ms", "is_good"), [(5_000, True), (5_001, False)])
def test_future_trade(ahead_ms: int, is_good: bool) -> None:
    raw = payload("ws_trade")
    received_ms = 1672515782136 - ahead_ms
    if is_good:
        assert isinstance(PARSER.stream_message(raw, received_ms), Trade)
    else:
        assert refused(raw, received_ms).code == Reason.FUTURE_TIME


def test_closed_kline_of_an_hour_that_is_not_over() -> None:
    raw = payload("ws_kline_closed")
    end_ms = 1723158000000 + 3_600_000
    assert isinstance(PARSER.stream_message(raw, end_ms - 5_000), ClosedKline)
    assert refused(raw, end_ms - 5_001).code == Reason.FUTURE_TIME


def test_notional_limit_is_exact() -> None:
    parser = Parser(Limits(5_000, Decimal("0.1")))
    parser.stream_message(payload("ws_trade"), AFTER_ALL)  # 0.001 × 100
    with pytest.raises(BadMessage):
        parser.stream_message(changed("ws_trade", q="100.00000001"), AFTER_ALL)


@given(st.integers(1, 10**18), st.booleans())
def test_every_scaled_price_comes_back(units: int, all_eight: bool) -> None:
    """Eight decimals take a path of their own; both paths give the same integers."""
    text = f"{units // 10**8}.{units % 10**8:08d}"
    raw = changed("ws_trade", p=text if all_eight else text.rstrip("0").rstrip("."), q="0.00000001")
    trade = PARSER.stream_message(raw, AFTER_ALL)
    assert isinstance(trade, Trade)
    assert trade.price == units


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(raw: bytes) -> None:
    with contextlib.suppress(BadMessage):
        PARSER.stream_message(raw, AFTER_ALL)


NAMES = st.sampled_from([*"eEstpqTmMkifLochlvnxVQB", "data", "stream"])
SCALARS = st.sampled_from(
    [None, True, -1, 0, 7, 2**63, 1.5, "", "trade", "kline", "1h", "BTCUSDT", "1.5", "0.00000001"]
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=2), st.dictionaries(NAMES, SCALARS))


@given(st.dictionaries(NAMES, VALUES), st.sampled_from(["trade", "kline"]))
def test_no_json_breaks_the_parser(message: dict[str, Any], event: str) -> None:
    for raw in (message, {"e": event, "s": "BTCUSDT"} | message):
        with contextlib.suppress(BadMessage):
            PARSER.stream_message(orjson.dumps(raw), AFTER_ALL)


def test_rest_trade() -> None:
    row = orjson.loads(payload("rest_historical_trade"))
    assert PARSER.rest_trade(row, "BNBBTC", 1_600_000_000_000) == Trade(
        "BNBBTC",
        28457,
        400_000_100,
        1_200_000_000,
        True,
        1499865549590,
        None,
        1_600_000_000_000,
        "REST",
    )


def test_rest_trade_refused() -> None:
    row = orjson.loads(payload("rest_historical_trade"))
    with pytest.raises(BadMessage, match="bad_price"):
        PARSER.rest_trade(row | {"price": "0"}, "BNBBTC", AFTER_ALL)
    with pytest.raises(BadMessage, match="malformed"):
        PARSER.rest_trade([1], "BNBBTC", AFTER_ALL)


def test_rest_kline_has_figures_and_no_ids() -> None:
    close = rest_kline(orjson.loads(payload("rest_kline")), "BNBBTC")
    assert close == Close(
        open_time_ms=1499040000000,
        witness="REST",
        trades=308,
        open=1_634_790,
        high=80_000_000,
        low=1_575_800,
        close=1_577_100,
        volume="148976.11427815",
        quote_volume="2434.19055334",
        taker_buy_volume="1756.87402397",
        taker_buy_quote_volume="28.46694368",
    )


@pytest.mark.parametrize("row", [{}, [], [1499040000001, *["1"] * 11], ["x"] * 12])
def test_rest_kline_refused(row: Any) -> None:
    with pytest.raises(BadMessage):
        rest_kline(row, "BNBBTC")


@pytest.mark.parametrize(("behind_ms", "is_good"), [(600_000, True), (600_001, False)])
def test_trade_that_is_much_older_than_its_event(behind_ms: int, is_good: bool) -> None:
    """Published with that time, or taken for one before the first hour, it would be lost."""
    raw = changed("ws_trade", T=1672515782136 - behind_ms)
    if is_good:
        assert isinstance(PARSER.stream_message(raw, AFTER_ALL), Trade)
    else:
        assert refused(raw, AFTER_ALL).code == Reason.PAST_TIME
