"""What is gathered of an hour, from a stub of the exchange's REST that may lie."""

import asyncio
from decimal import Decimal

import pytest

from conf.names import HOUR_MS
from producers.errors import RestError
from producers.messages import Limits, Parser
from streaming.repair.evidence import NoEvidenceError, gather_evidence
from streaming.repair.rebuild import HourTrade

pytestmark = pytest.mark.unit

HOUR = 490_896 * HOUR_MS
NEXT = HOUR + HOUR_MS
PARSER = Parser(Limits(5_000, Decimal("1e16")))
NOW = HOUR + 10 * HOUR_MS


def rest_row(trade_id, at_ms, price="100.5", quantity="0.5", *, is_sale=False):
    return {"id": trade_id, "price": price, "qty": quantity, "time": at_ms, "isBuyerMaker": is_sale}


OWN = [rest_row(n, HOUR + n * 1000, price=f"{100 + n}.5") for n in range(10, 20)]
LATER = [rest_row(n, NEXT + n, price="200.0") for n in range(20, 25)]


class Exchange:
    """Serves rows as the REST client does; `page` bounds an answer, `lost` ids it does not have."""

    def __init__(self, rows, page=1000, lost=(), witness_of=None):
        self.rows = [row for row in rows if row["id"] not in lost]
        self.page = page
        self.asked = []
        counted = [r for r in (witness_of or rows) if HOUR <= r["time"] < NEXT]
        self.kline = kline(counted)

    async def klines(self, symbol, start_ms, limit):
        return [self.kline] if self.kline and start_ms == HOUR else []

    async def first_aggregate_since(self, symbol, start_ms):
        found = [row for row in self.rows if row["time"] >= start_ms]
        first = min(found, key=lambda row: row["id"], default=None)
        return {"f": first["id"], "T": first["time"]} if first else None

    async def historical_trades(self, symbol, limit, from_id, since_ms):
        self.asked.append((from_id, limit))
        return [row for row in self.rows if row["id"] >= from_id][: min(limit, self.page)]


def kline(rows):
    prices = [Decimal(row["price"]) for row in rows] or [Decimal(1)]
    notional = [Decimal(row["price"]) * Decimal(row["qty"]) for row in rows]
    volume = sum(Decimal(row["qty"]) for row in rows)
    buys = [n for n, row in enumerate(rows) if not row["isBuyerMaker"]]
    texts = [prices[0], max(prices), min(prices), prices[-1]]
    return [
        HOUR,
        *(f"{price:f}" for price in texts),
        f"{volume:f}",
        NEXT - 1,
        f"{sum(notional):f}",
        len(rows),
        f"{sum(Decimal(rows[n]['qty']) for n in buys):f}",
        f"{sum(notional[n] for n in buys):f}",
        "0",
    ]


def gather(exchange, archived=()):
    return asyncio.run(gather_evidence(exchange, PARSER, "BTCUSDT", HOUR, archived, NOW))


def archived(rows):
    return [
        HourTrade(
            row["id"],
            int(Decimal(row["price"]).scaleb(8)),
            int(Decimal(row["qty"]).scaleb(8)),
            row["isBuyerMaker"],
            row["time"],
        )
        for row in rows
    ]


def test_all_from_rest_page_by_page_is_complete():
    exchange = Exchange(OWN + LATER, page=4)
    found = gather(exchange)
    assert found.candle().verdict == "complete"
    assert [asked for asked, _ in exchange.asked] == [10, 14, 18]
    assert (found.candle().first_trade_id, found.candle().last_trade_id) == (10, 19)


def test_only_what_the_archive_lacks_is_asked_for():
    exchange = Exchange(OWN + LATER)
    found = gather(exchange, archived(OWN[:4] + OWN[6:]))
    assert exchange.asked == [(14, 2)]
    assert found.candle().verdict == "complete"
    assert found.from_archive == 8
    whole = Exchange(OWN + LATER)
    assert gather(whole, archived(OWN)).candle() == found.candle()
    assert whole.asked == []


def test_the_last_hour_is_bounded_by_its_count_while_nothing_came_after_it():
    assert gather(Exchange(OWN)).candle().verdict == "complete"


def test_ids_that_rest_does_not_have_are_missed():
    exchange = Exchange(OWN, lost=(18, 19))
    found = gather(exchange)
    assert set(found.missing) == {18, 19}
    assert found.candle().verdict == "disputed"
    assert "gap of 2 ids" in found.candle().reason
    assert "2 ids cannot be had (18…19: REST does not have it)" in found.why_missing


def test_ids_that_never_existed_dispute_nothing():
    rows = [row for row in OWN if row["id"] not in (10 + 4, 10 + 5)]
    found = gather(Exchange(rows + LATER))
    assert found.absent == {14, 15}
    assert found.candle().verdict == "complete"
    assert "2 ids in it never existed" in found.candle().reason
    # at the end of the hour they belong to no hour at all
    found = gather(Exchange(OWN[:8] + LATER))
    assert found.absent == {18, 19}
    assert found.candle().verdict == "complete"


def test_a_trade_that_cannot_be_read_is_missed_with_its_reason():
    bad = [row | {"price": "-1"} if row["id"] == 13 else row for row in OWN]
    found = gather(Exchange(bad + LATER, witness_of=OWN))
    assert "bad_price" in found.missing[13]


def test_a_time_that_falls_as_the_id_rises_is_disputed():
    fallen = [row | {"time": HOUR + 1} if row["id"] == 15 else row for row in OWN]
    assert "trade time falls at 1 ids" in gather(Exchange(fallen + LATER)).candle().reason


def test_an_id_of_the_hour_whose_time_lies_in_another_is_not_missed():
    moved = [row | {"time": NEXT + 1} if row["id"] == 15 else row for row in OWN]
    found = gather(Exchange(moved + LATER[:0]))
    assert not found.missing
    candle = found.candle()
    assert candle.verdict == "disputed"
    assert "trade time falls at 1 ids" in candle.reason
    assert candle.trades == 9


def test_quiet_and_halted_hours():
    quiet = Exchange(LATER)
    assert gather(quiet).candle().verdict == "quiet"
    assert quiet.asked == []
    quiet.kline = None
    with pytest.raises(NoEvidenceError, match="halted"):
        gather(quiet)


def test_a_kline_without_trades_behind_it_is_no_evidence():
    with pytest.raises(NoEvidenceError, match="no aggregate trade"):
        gather(Exchange(LATER, witness_of=OWN))


def test_an_exchange_that_does_not_answer_is_an_error():
    class Silent(Exchange):
        async def historical_trades(self, symbol, limit, from_id, since_ms):
            message = "GET /api/v3/historicalTrades: timeout"
            raise RestError(message)

    with pytest.raises(RestError):
        gather(Silent(OWN + LATER))
