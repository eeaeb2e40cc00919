"""The exchange's book: every symbol's series, the start of live trading, and who made it.

The book is the oracle of every test: klines, trades, aggregates and streams are all views of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Literal

import numpy as np

from conf.names import HOUR_MS
from conf.standin import StandInSettings
from exchange.bars import BarTarget, HourState
from exchange.errors import StandInError
from exchange.extras import live_extras, live_overrides
from exchange.hours import SwitchingSource, TargetSeries, TargetSource
from exchange.listings import Listing, select_listings
from exchange.market import CHUNK_HOURS, Market, MarketBars, MarketStart
from exchange.recorded import RecordedHours, live_start_ms, read_recorded
from exchange.series import Series

Mode = Literal["synthetic", "history", "capture"]


@dataclass(frozen=True)
class Book:
    """All series of an exchange. `live_start_ms` is where the clock begins, UTC epoch ms."""

    mode: Mode
    series: Mapping[str, Series]
    live_start_ms: int

    @property
    def listings(self) -> list[Listing]:
        """The listed symbols, in the order of the settings."""
        return [series.listing for series in self.series.values()]


class MarketTape:
    """A market's weeks, made when first asked for and shared by its symbols."""

    def __init__(self, make: Callable[[], Market]) -> None:
        self._make = make
        self._market: Market | None = None
        self._weeks: list[MarketBars] = []
        self._lock = Lock()

    def target(self, column: int, hour: int) -> BarTarget:
        """Return the n-th hour of one symbol."""
        week, offset = divmod(hour, CHUNK_HOURS)
        with self._lock:
            while len(self._weeks) <= week:
                self._market = self._market or self._make()
                self._weeks.append(self._market.next_week())
        bars = self._weeks[week]
        cell = (offset, column)
        return BarTarget(
            int(bars.open[cell]),
            int(bars.high[cell]),
            int(bars.low[cell]),
            int(bars.close[cell]),
            int(bars.volume[cell]),
            int(bars.trades[cell]),
        )


@dataclass(frozen=True)
class MarketTargets(TargetSource):
    """One symbol's column of a market tape."""

    tape: MarketTape
    column: int

    def target(self, hour: int) -> BarTarget:
        """Return the n-th hour; a market never ends."""
        return self.tape.target(self.column, hour)


def synthetic_book(settings: StandInSettings) -> Book:
    """Return a book whose past and live hours are one synthetic market.

    Raises:
        StandInError: on an unknown symbol or a wrong override.
    """
    listings = select_listings(settings.symbols)
    first_open_ms = settings.start_ms - settings.history_hours * HOUR_MS
    tape = MarketTape(
        lambda: Market(
            listings,
            settings.seed,
            first_open_ms,
            settings.trades_per_hour,
            signal=settings.signal,
        )
    )
    series = {}
    for column, listing in enumerate(listings):
        targets = MarketTargets(tape, column)
        overrides = live_overrides(settings, listing.symbol)
        source: TargetSource = targets
        if overrides:
            shifted = [(settings.history_hours + hour, state) for hour, state in overrides]
            source = SwitchingSource(targets, targets, 0, shifted)
        extras = live_extras(settings, listing.symbol, settings.history_hours)
        series[listing.symbol] = TargetSeries(listing, source, settings.seed, first_open_ms, extras)
    return Book("synthetic", series, settings.start_ms)


def recorded_book(settings: StandInSettings) -> Book:
    """Return a book whose past is recorded hours; live goes on synthetically, or from the record.

    Raises:
        StandInError: if the folder holds none of the symbols, or nothing complete.
    """
    assert settings.history_dir is not None
    recorded = read_recorded(settings.history_dir, settings.symbols)
    first_open_ms = min(hours.first_open_ms for hours in recorded)
    live_ms = settings.start_ms if settings.live_from_history else live_start_ms(recorded)
    if live_ms <= first_open_ms:
        message = "NEXTHOUR_STANDIN_START lies before the first recorded hour; set a later one"
        raise StandInError(message)
    past_hours = (live_ms - first_open_ms) // HOUR_MS
    tape = None if settings.live_from_history else _tape_after(recorded, live_ms, settings)
    series = {}
    for column, hours in enumerate(recorded):
        hours.align(first_open_ms, settings.trades_per_hour, _share(recorded, column))
        live: TargetSource = (
            _Shifted(hours, past_hours) if tape is None else MarketTargets(tape, column)
        )
        source = SwitchingSource(
            hours, live, past_hours, live_overrides(settings, hours.listing.symbol)
        )
        extras = live_extras(settings, hours.listing.symbol, past_hours)
        series[hours.listing.symbol] = TargetSeries(
            hours.listing, source, settings.seed, first_open_ms, extras
        )
    return Book("history", series, live_ms)


@dataclass(frozen=True)
class _Shifted(TargetSource):
    hours: RecordedHours
    by: int

    def target(self, hour: int) -> BarTarget | HourState | None:
        return self.hours.target(hour + self.by)


def _share(recorded: Sequence[RecordedHours], column: int) -> float:
    return recorded[column].listing.activity / sum(x.listing.activity for x in recorded)


def _tape_after(
    recorded: Sequence[RecordedHours], live_ms: int, settings: StandInSettings
) -> MarketTape:
    ends = [hours.last_levels(live_ms) for hours in recorded]
    start = MarketStart(np.array([x[0] for x in ends]), np.array([x[1] for x in ends]))
    listings = [hours.listing for hours in recorded]
    return MarketTape(
        lambda: Market(
            listings,
            settings.seed,
            live_ms,
            settings.trades_per_hour,
            signal=settings.signal,
            start=start,
        )
    )
