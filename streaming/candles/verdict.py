"""From an aggregated hour to a candle with its verdict. Pure.

Verdicts test ids and figures, never arrival: whatever order the records came in, the same records give the
same candle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from conf.contracts.candles import Candle, Verdict, decimal_text
from conf.contracts.trades import SCALE, unscaled

# Quantity = q1 × 10^9 + q0 in units of 10^-8; notional = (n2 × 10^9 + n1) × 10^9 + n0 in units of 10^-16.
DIGIT = 10**9
WITNESSES = {1: "STREAM", 2: "REST", 3: "END"}
WITNESS_AMOUNTS = {
    "volume": SCALE,
    "quote_volume": 2 * SCALE,
    "taker_buy_volume": SCALE,
    "taker_buy_quote_volume": 2 * SCALE,
}
"""A witness's decimals and their scales; in units of the scale an amount is two digits of base `WITNESS_HALF`."""
WITNESS_PRECISION = 36
WITNESS_HALF = 10 ** (WITNESS_PRECISION // 2)
WITNESS_IDS = ("first_trade_id", "last_trade_id", "trades")
PRICES = ("open", "high", "low", "close")
# Exchanges round each trade's notional to 8 decimals where tick × step is finer.
NOTIONAL_ROUNDING = Decimal("1e-8")
ROUNDED = "quote volume within 1e-8 per trade of the witness"


@dataclass(frozen=True, slots=True)
class Witness:
    """The exchange's own figures for an hour; ids are None in an hour without trades."""

    kind: str
    first_trade_id: int | None
    last_trade_id: int | None
    trades: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal


@dataclass(frozen=True, slots=True)
class Hour:
    """What the topic says of one hour: the sums over its trades, its CLOSE and its gaps.

    `candle` holds the figures of the trades alone, verdict still open. `witness` is None if no
    CLOSE came, if the series ended inside the hour, or if a figure of it is missing. `gap_ids` are
    missed, `absent_ids` never existed; both may count ids that belong to a neighbouring hour.
    `time_falls` counts trades whose time lies before that of the trade before them in the series.
    """

    candle: Candle
    closes: int
    witness: Witness | None
    has_changed_witness: bool
    begins_at_id: int | None
    gap_ids: int
    absent_ids: int = 0
    time_falls: int = 0

    @property
    def is_final(self) -> bool:
        """Whether a CLOSE has arrived."""
        return self.closes > 0


def read_hour(row: Mapping[str, Any]) -> Hour:
    """Return the hour of one row of `aggregate.aggregate_hours`."""
    kind = WITNESSES.get(row["w_witness"], "")
    buys, sells = _units(row, "taker_buy_quantity", 2), _units(row, "taker_sell_quantity", 2)
    bought, sold = _units(row, "taker_buy_notional", 3), _units(row, "taker_sell_notional", 3)
    candle = Candle(
        symbol=row["symbol"],
        open_time_ms=row["open_time_ms"],
        revision=0,
        open=_price(row["open"]),
        high=_price(row["high"]),
        low=_price(row["low"]),
        close=_price(row["close"]),
        volume=_exact(buys + sells, SCALE),
        quote_volume=_exact(bought + sold, 2 * SCALE),
        taker_buy_volume=_exact(buys, SCALE),
        taker_buy_quote_volume=_exact(bought, 2 * SCALE),
        trades=row["trades"],
        first_trade_id=row["first_trade_id"],
        last_trade_id=row["last_trade_id"],
        verdict="partial",
        reason=None,
        witness=kind,
    )
    return Hour(
        candle=candle,
        closes=row["closes"],
        witness=_witness(row, kind),
        has_changed_witness=row["w_digest_low"] != row["w_digest_high"],
        begins_at_id=row["begins_at_id"],
        gap_ids=row["gap_ids"] or 0,
        absent_ids=row["absent_ids"] or 0,
        time_falls=row["time_falls"],
    )


def judge(hour: Hour) -> Candle:
    """Return the final candle of a closed hour, revision still 0.

    disputed: something contradicts something, the reason says what. partial: nothing does, but the
    series began or ended inside the hour. quiet: no trade, flat at the witness's close. complete:
    trades, ids and every figure equal the witness's. Ids that never existed dispute nothing: the
    witness counts trades, so that as many as it says is all there were.
    """
    doubts = _doubts(hour)
    borders = _borders(hour)
    if doubts:
        return _with_verdict(hour.candle, "disputed", "; ".join(doubts + borders))
    if borders:
        return _with_verdict(hour.candle, "partial", "; ".join(borders))
    assert hour.witness is not None
    if not hour.candle.trades:
        return _quiet(hour.candle, hour.witness)
    exact = (
        hour.candle.quote_volume == hour.witness.quote_volume
        and hour.candle.taker_buy_quote_volume == hour.witness.taker_buy_quote_volume
    )
    absent = span(hour.candle) - hour.candle.trades
    remarks = [f"{absent} ids in it never existed"] if absent else []
    if not exact:
        remarks.append(ROUNDED)
    return _with_verdict(hour.candle, "complete", "; ".join(remarks) or None)


def span(candle: Candle) -> int:
    """Return how many ids lie from the first trade to the last; 0 without trades."""
    if candle.first_trade_id is None or candle.last_trade_id is None:
        return 0
    return candle.last_trade_id - candle.first_trade_id + 1


def _price(units: int | None) -> Decimal | None:
    return None if units is None else unscaled(units)


def _units(row: Mapping[str, Any], name: str, digits: int) -> int:
    units = 0
    for digit in reversed(range(digits)):
        units = units * DIGIT + (row[f"{name}_{digit}"] or 0)
    return units


def _exact(units: int, scale: int) -> Decimal:
    """Return units × 10^-scale. Decimal's arithmetic would round to 28 digits; its parser does not."""
    return Decimal(f"{units}e-{scale}")


def _witness(row: Mapping[str, Any], kind: str) -> Witness | None:
    figures = {name: row[f"w_{name}"] for name in WITNESS_IDS + PRICES}
    figures |= {name: _witness_amount(row, name) for name in WITNESS_AMOUNTS}
    if kind not in ("STREAM", "REST") or None in figures.values():
        return None
    for name in PRICES:
        figures[name] = unscaled(figures[name])
    if not figures["trades"]:
        figures["first_trade_id"] = figures["last_trade_id"] = None
    return Witness(kind=kind, **figures)


def _witness_amount(row: Mapping[str, Any], name: str) -> Decimal | None:
    high, low = row[f"w_{name}_1"], row[f"w_{name}_0"]
    if high is None or low is None:
        return None
    return _exact(high * WITNESS_HALF + low, WITNESS_AMOUNTS[name])


def _borders(hour: Hour) -> list[str]:
    borders = []
    if hour.begins_at_id is not None:
        borders.append(f"the series begins at id {hour.begins_at_id}")
    if hour.candle.witness == "END":
        borders.append("the series ends inside the hour")
    return borders


def _doubts(hour: Hour) -> list[str]:
    doubts = []
    if hour.gap_ids:
        doubts.append(f"gap of {hour.gap_ids} ids")
    if hour.has_changed_witness:
        doubts.append("witness changed")
    if hour.time_falls:
        doubts.append(f"trade time falls at {hour.time_falls} ids")
    candle = hour.candle
    ids = span(candle)
    # Absent ids may lie before the first trade or after the last, or in a neighbouring hour.
    if not 0 <= ids - candle.trades <= hour.absent_ids and not hour.gap_ids:
        doubts.append(f"count: {candle.trades} trades in a span of {ids} ids")
    if candle.witness != "END":
        doubts += _contradictions(hour)
    elif hour.begins_at_id is not None:
        doubts += _last_part(hour, hour.begins_at_id)
    return doubts


def _contradictions(hour: Hour) -> list[str]:
    """Compare with the witness as far as it and the series speak of the same trades."""
    witness, candle = hour.witness, hour.candle
    if hour.begins_at_id is not None:
        return _last_part(hour, hour.begins_at_id)
    if hour.has_changed_witness:
        return []  # its figures are those of two witnesses, mixed
    if witness is None:
        return ["witness incomplete"]
    doubts = []
    if candle.trades != witness.trades:
        doubts.append(f"count: {candle.trades} trades, witness {witness.trades}")
    doubts += [_unequal_id(name, hour, witness) for name in ("first_trade_id", "last_trade_id")]
    names: list[str] = []
    if candle.trades:
        names += PRICES
    names += ["volume", "taker_buy_volume"]
    doubts += [_unequal(name, candle, witness) for name in names]
    rounding = candle.trades * NOTIONAL_ROUNDING
    for name in ("quote_volume", "taker_buy_quote_volume"):
        if abs(getattr(candle, name) - getattr(witness, name)) > rounding:
            doubts.append(_unequal(name, candle, witness))
    return [doubt for doubt in doubts if doubt]


def _last_part(hour: Hour, begins_at_id: int) -> list[str]:
    candle = hour.candle
    if not candle.trades:
        return []
    doubts = []
    if candle.first_trade_id != begins_at_id:
        doubts.append(f"first id: {candle.first_trade_id}, announced {begins_at_id}")
    if hour.witness is not None:
        doubts.append(_unequal_id("last_trade_id", hour, hour.witness))
        doubts.append(_unequal("close", candle, hour.witness))
    return [doubt for doubt in doubts if doubt]


def _unequal_id(name: str, hour: Hour, witness: Witness) -> str:
    """Compare ids; those of a REST witness may be too low by the ids that never existed.

    REST gives none: they are counted on from the hour before, as if every id existed.
    """
    ours, theirs = getattr(hour.candle, name), getattr(witness, name)
    is_derived = witness.kind == "REST" and None not in (ours, theirs)
    if is_derived and 0 <= ours - theirs <= hour.absent_ids:
        return ""
    return _unequal(name, hour.candle, witness)


def _unequal(name: str, candle: Candle, witness: Witness) -> str:
    ours, theirs = getattr(candle, name), getattr(witness, name)
    if ours == theirs:
        return ""
    return f"{name.replace('_', ' ')}: {_text(ours)}, witness {_text(theirs)}"


def _text(value: Decimal | int | None) -> str:
    return decimal_text(value) if isinstance(value, Decimal) else str(value)


def _with_verdict(candle: Candle, verdict: Verdict, reason: str | None) -> Candle:
    fields = {name: getattr(candle, name) for name in Candle.__slots__}
    return Candle(**{**fields, "verdict": verdict, "reason": reason})


def _quiet(candle: Candle, witness: Witness) -> Candle:
    fields = {name: getattr(candle, name) for name in Candle.__slots__}
    flat = dict.fromkeys(PRICES, witness.close)
    return Candle(**{**fields, **flat, "verdict": "quiet", "reason": None})
