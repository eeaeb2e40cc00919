"""Made-up trades of a symbol's hour as columns, and the exchange's own figures for them. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt

from conf.contracts.trades import Close, TradeRecord
from conf.names import HOUR_MS

Longs = npt.NDArray[np.int64]

START_MS = 490_000 * HOUR_MS
EVENT_LAG_MS, RECEIVED_LAG_MS = 3, 9
FIRST_ID = 1_000_000_000
TICK, STEP = 10**4, 10**3
"""Units of 10^-8: prices of four decimals, sizes of five."""


@dataclass(frozen=True)
class SymbolHour:
    """Trades of one symbol in one hour, by rising id and time.

    Attributes:
        open_ms: begin of the hour, UTC epoch ms.
        first_id: id of the first trade; the others follow without a gap.
        price: units of 10^-8.
        quantity: units of 10^-8.
        is_maker: whether the buyer was the maker.
        time_ms: when each was matched.
    """

    symbol: str
    open_ms: int
    first_id: int
    price: Longs
    quantity: Longs
    is_maker: npt.NDArray[np.bool_]
    time_ms: Longs

    @property
    def ids(self) -> Longs:
        """Trade ids."""
        return self.first_id + np.arange(len(self.price), dtype=np.int64)


class SymbolMarket:
    """One symbol's endless series: prices move, sizes vary by orders of magnitude.

    Args:
        symbol: its name.
        number: which symbol it is; gives its price level and, with the seed, its randomness.
        seed: the same gives the same trades.
        per_hour: trades an hour.
    """

    def __init__(self, symbol: str, number: int, seed: int, per_hour: int) -> None:
        self._symbol = symbol
        self._random = np.random.default_rng((seed, number))
        self._price = float(10 ** (4.5 - number % 6)) * 1e8
        self._next_id = FIRST_ID * (1 + number % 5)
        self._open_ms = START_MS
        self._per_hour = per_hour

    def next_hour(self) -> SymbolHour:
        """Return the next hour's trades."""
        count, random = self._per_hour, self._random
        walk = np.exp(np.cumsum(random.normal(0.0, 2e-5, count)))
        price = np.maximum(np.rint(self._price * walk / TICK), 1).astype(np.int64) * TICK
        sizes = random.lognormal(0.0, 2.0, count) * 1e8 * 30 / (1 + self._price / 1e8)
        quantity = np.clip(np.rint(sizes / STEP), 1, 10**9).astype(np.int64) * STEP
        hour = SymbolHour(
            symbol=self._symbol,
            open_ms=self._open_ms,
            first_id=self._next_id,
            price=price,
            quantity=quantity,
            is_maker=random.random(count) < 0.5,
            time_ms=self._open_ms + np.sort(random.integers(0, HOUR_MS, count)),
        )
        self._price = float(price[-1])
        self._next_id += count
        self._open_ms += HOUR_MS
        return hour


def closing(hour: SymbolHour) -> TradeRecord:
    """Return the CLOSE of an hour, with the exchange's figures for it."""
    # Products of 64-bit integers overflow: as Python's integers.
    notional = hour.price.astype(object) * hour.quantity
    buys = ~hour.is_maker
    last_ms = hour.open_ms + HOUR_MS - 1
    return TradeRecord(
        kind="CLOSE",
        symbol=hour.symbol,
        trade_time_ms=last_ms,
        received_time_ms=last_ms + RECEIVED_LAG_MS,
        event_time_ms=last_ms + EVENT_LAG_MS,
        source="STREAM",
        close=Close(
            open_time_ms=hour.open_ms,
            witness="STREAM",
            first_trade_id=hour.first_id,
            last_trade_id=hour.first_id + len(hour.price) - 1,
            trades=len(hour.price),
            open=int(hour.price[0]),
            high=int(hour.price.max()),
            low=int(hour.price.min()),
            close=int(hour.price[-1]),
            volume=_decimal(int(hour.quantity.sum())),
            quote_volume=_decimal(int(notional.sum()), 16),
            taker_buy_volume=_decimal(int(hour.quantity[buys].sum())),
            taker_buy_quote_volume=_decimal(int(notional[buys].sum()), 16),
        ),
    )


def _decimal(units: int, places: int = 8) -> str:
    # Decimal's arithmetic would round to 28 digits; its parser does not.
    return f"{Decimal(f'{units}e-{places}'):f}"
