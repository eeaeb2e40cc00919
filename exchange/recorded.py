"""Recorded hourly candles as bar targets, quantised to the tick and step that the record uses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from conf.names import HOUR_MS
from exchange.bars import BarTarget, HourState, IntArray
from exchange.errors import StandInError
from exchange.hours import TargetSource
from exchange.listings import KNOWN_LISTINGS, WIRE_DECIMALS, Listing

Floats = npt.NDArray[np.float64]

_COLUMNS = ["open_time", "open", "high", "low", "close", "volume", "quote_volume", "trades"]
# A handful of rows of a public record carry more digits than the exchange ever had.
_COVERAGE = 0.999
_LARGEST_SUM = 4e18  # quote volume of an hour in tick × step units must fit 64 bit
_MONTH_HOURS = 720
_QUOTE_ASSET = "USDT"
_FEWEST_TRADES = 4  # of an hour whose count the record lacks


@dataclass
class RecordedHours(TargetSource):
    """One symbol's record on a gapless grid of hours from `first_open_ms` (UTC epoch ms) on.

    Prices are ticks, volumes steps; an hour that is not in the record, or not complete, is absent.
    An hour of volume 0 is quiet.
    """

    listing: Listing
    first_open_ms: int
    state: npt.NDArray[np.int8]
    prices: IntArray  # (hours, 4): open high low close
    volume: IntArray
    quote: Floats  # NaN where the record has none
    trades: IntArray  # 0 where the record has none
    _rows: list[tuple[int, int, int, int, int, int, int]] = field(default_factory=list)
    _offset: int = 0
    _mean_trades: float = 0.0
    _mean_volume: float = field(default=1.0)

    def align(self, first_open_ms: int, trades_per_hour: int, share: float) -> None:
        """Count hours from ``first_open_ms``; set the level for counts that the record lacks."""
        self._offset = (self.first_open_ms - first_open_ms) // HOUR_MS
        self._mean_trades = trades_per_hour * share
        traded = self.volume[self.state == HourState.TRADED]
        self._mean_volume = max(float(traded.mean()), 1.0)
        columns = np.column_stack([self.state, self.prices, self.volume, self.trades])
        self._rows = [tuple(row) for row in columns.tolist()]

    def target(self, hour: int) -> BarTarget | HourState | None:
        """Return the n-th hour; None past the record's end."""
        row = hour - self._offset
        if row < 0:
            return HourState.ABSENT
        if row >= len(self._rows):
            return None
        state, open_, high, low, close, volume, trades = self._rows[row]
        if state != HourState.TRADED:
            return HourState(state)
        target = BarTarget(open_, high, low, close, volume, trades, self._quote_units(row))
        if trades:
            return target
        # One trade more than must touch the four prices can be priced so that any recorded quote
        # volume is met; with no more than those few could be.
        fewest = _FEWEST_TRADES if target.quote is None else max(_FEWEST_TRADES, target.needed + 1)
        guess = round(self._mean_trades * (volume / self._mean_volume) ** 0.6)
        return replace(target, trades=max(guess, fewest))

    def last_levels(self, before_ms: int) -> tuple[float, float]:
        """Return the last close (quote units) and the last month's mean move before a moment."""
        end = (before_ms - self.first_open_ms) // HOUR_MS
        known = np.flatnonzero(self.state[:end])[-_MONTH_HOURS:]
        closes = self.prices[known, 3] / 10.0**self.listing.price_decimals
        moves = np.abs(np.diff(np.log(closes)))
        mean_move = float(moves.mean()) if len(moves) else 0.0
        return float(closes[-1]), max(mean_move, self.listing.mean_move / 20)

    def complete_ms(self) -> IntArray:
        """Return the open times of the hours that are in the record."""
        return self.first_open_ms + HOUR_MS * np.flatnonzero(self.state).astype(np.int64)

    def _quote_units(self, row: int) -> int | None:
        quote = float(self.quote[row])
        if not quote > 0:
            return None
        scale = self.listing.price_decimals + self.listing.quantity_decimals
        return int(Decimal(repr(quote)).scaleb(scale).to_integral_value())


def read_recorded(folder: Path, symbols: Sequence[str]) -> list[RecordedHours]:
    """Return the records of those symbols that the folder holds, in the symbols' order.

    Raises:
        StandInError: if the folder holds none of them, or a file is no such record.
    """
    found = [(symbol, folder / f"{symbol}-1h.parquet") for symbol in symbols]
    found = [(symbol, path) for symbol, path in found if path.is_file()]
    if not found:
        message = (
            f"{folder} holds no SYMBOL-1h.parquet of {', '.join(symbols)}; "
            "set NEXTHOUR_STANDIN_HISTORY_DIR to a folder that does"
        )
        raise StandInError(message)
    return [_read(symbol, path) for symbol, path in found]


def live_start_ms(recorded: Sequence[RecordedHours]) -> int:
    """Return the hour after the last one that every symbol's record holds, UTC epoch ms.

    Raises:
        StandInError: if no hour is in all records.
    """
    common = recorded[0].complete_ms()
    for hours in recorded[1:]:
        common = np.intersect1d(common, hours.complete_ms(), assume_unique=True)
    if not len(common):
        names = ", ".join(hours.listing.symbol for hours in recorded)
        message = f"no hour is recorded for all of {names}; set fewer NEXTHOUR_STANDIN_SYMBOLS"
        raise StandInError(message)
    return int(common[-1]) + HOUR_MS


def _read(symbol: str, path: Path) -> RecordedHours:
    try:
        table = pq.read_table(path, columns=_COLUMNS)
    except (pa.ArrowException, OSError, KeyError) as error:
        message = f"{path} cannot be read as hourly candles: {error}".splitlines()[0]
        raise StandInError(message) from error
    times = table["open_time"].cast(pa.timestamp("ms", tz="UTC")).cast(pa.int64()).to_numpy()
    values = {name: _floats(table, name) for name in _COLUMNS[1:]}
    is_complete = np.all([np.isfinite(values[name]) for name in _COLUMNS[1:6]], axis=0)
    is_complete &= values["low"] > 0
    if not is_complete.any():
        message = f"{path} holds no complete hour"
        raise StandInError(message)
    values = {name: column[is_complete] for name, column in values.items()}
    rows = (times[is_complete] - times[is_complete].min()) // HOUR_MS
    listing = _listing(symbol, values)
    return _on_grid(listing, int(times[is_complete].min()), rows, values)


def _floats(table: pa.Table, name: str) -> Floats:
    column = table[name].cast(pa.float64()).to_numpy()
    return np.asarray(column, dtype=np.float64)


def _on_grid(
    listing: Listing, first_open_ms: int, rows: IntArray, values: dict[str, Floats]
) -> RecordedHours:
    hours = int(rows.max()) + 1
    state = np.zeros(hours, dtype=np.int8)
    state[rows] = np.where(values["volume"] > 0, HourState.TRADED, HourState.QUIET)
    if not state.any() or HourState.TRADED not in state:
        message = f"{listing.symbol}: no recorded hour has a trade"
        raise StandInError(message)
    # Before the first trade there is no price to be quiet at.
    state[: int(np.argmax(state == HourState.TRADED))] = HourState.ABSENT
    prices = np.zeros((hours, 4), dtype=np.int64)
    for column, name in enumerate(("open", "high", "low", "close")):
        prices[rows, column] = _units(values[name], listing.price_decimals)
    prices[:, 1] = prices.max(axis=1)
    prices[:, 2] = prices.min(axis=1)
    volume = np.zeros(hours, dtype=np.int64)
    volume[rows] = _units(values["volume"], listing.quantity_decimals)
    volume[state == HourState.TRADED] = np.maximum(volume[state == HourState.TRADED], 1)
    quote = np.full(hours, np.nan)
    quote[rows] = values["quote_volume"]
    trades = np.zeros(hours, dtype=np.int64)
    trades[rows] = np.nan_to_num(values["trades"], nan=0.0).astype(np.int64)
    return RecordedHours(listing, first_open_ms, state, prices, volume, quote, trades)


def _units(values: Floats, decimals: int) -> IntArray:
    units: IntArray = np.rint(values * 10.0**decimals).astype(np.int64)
    return units


def _listing(symbol: str, values: dict[str, Floats]) -> Listing:
    prices = np.concatenate([values[name] for name in ("open", "high", "low", "close")])
    price_decimals = min(_decimals(prices), WIRE_DECIMALS)
    quantity_decimals = min(_decimals(values["volume"]), WIRE_DECIMALS - price_decimals)
    largest = float((values["high"] * values["volume"]).max()) * 10.0**price_decimals
    while quantity_decimals and largest * 10.0**quantity_decimals > _LARGEST_SUM:
        quantity_decimals -= 1
    known = KNOWN_LISTINGS.get(symbol)
    return Listing(
        symbol,
        symbol.removesuffix(_QUOTE_ASSET),
        price_decimals,
        quantity_decimals,
        market_correlation=known.market_correlation if known else 0.7,
        mean_move=known.mean_move if known else 0.006,
        hourly_turnover=float((values["close"] * values["volume"]).mean()),
        activity=known.activity if known else 0.02,
        is_stable=known.is_stable if known else False,
    )


def _decimals(values: Floats) -> int:
    """Return the fewest decimals in which nearly all values are whole."""
    for decimals in range(WIRE_DECIMALS):
        scaled = values * 10.0**decimals
        whole = np.abs(scaled - np.rint(scaled)) <= 1e-6 + 1e-11 * np.abs(scaled)
        if whole.mean() >= _COVERAGE:
            return decimals
    return WIRE_DECIMALS
