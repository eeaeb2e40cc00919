"""The fan: simulated paths of all coins from one midnight, as quantiles and some samples. Pure.

The log-price moves by volatility × shock, and each simulated world is there twice, once with every move
of every coin turned round. So the log-price has no drift: half the price is as likely as twice the
price, and the median is the last close on every day, exactly. That is a convention and no finding: the
mean of the price then lies above the last close, the more the wilder the coin; a fan whose mean stayed
would have a falling median.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model.projection.days import Days
from model.projection.pegged import fit_peg, peg_quantiles, simulate_peg
from model.projection.settings import LEVELS, ProjectionSettings
from model.projection.shocks import Shocks, draw_blocks, drawn_days, make_shocks
from model.projection.simulate import State, simulate
from model.projection.volatility import fit, make_components, surprises
from model.stable import is_depegged

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SIMULATED = "simulated"
SHORT = "short history"
PEGGED = "pegged"
DEPEGGED = "depegged"


@dataclass(frozen=True)
class Fan:
    """What may come after one midnight.

    Attributes:
        origin: number of the day since 1970-01-01 that begins then, UTC.
        symbols: coins that have a fan, in alphabetical order.
        methods: `SIMULATED`, `SHORT` (little past of its own), `PEGGED` or `DEPEGGED`, by coin.
        last_close: (coins,) close of the day before, quote units.
        quantiles: (coins, horizon, levels) prices at the end of each day.
        samples: (coins, horizon, samples) prices; one sample is one world for all coins.
    """

    origin: int
    symbols: tuple[str, ...]
    methods: tuple[str, ...]
    last_close: Floats
    quantiles: Floats
    samples: Floats


class Projector:
    """Makes fans; each sees the days before its origin only, whatever else is there.

    Attributes:
        days: of all coins.
        settings: volatility model, bootstrap and coins.
    """

    def __init__(self, days: Days, settings: ProjectionSettings) -> None:
        """Prepare what all origins share.

        Args:
            days: of all coins.
            settings: volatility model, bootstrap and coins.

        Raises:
            ValueError: if no volatile coin has a day.
        """
        self.days = days
        self.settings = settings
        is_stable = np.isin(np.array(days.symbols), settings.stable_symbols)
        self._volatile = np.flatnonzero(~is_stable)
        self._log_volatility = days.log_volatility[:, self._volatile]
        self._shock = days.move[:, self._volatile] / np.exp(self._log_volatility)
        self._components = make_components(self._log_volatility, self._lead(), settings)
        self._closes_so_far = np.cumsum(np.isfinite(days.close), axis=0)

    def _lead(self) -> int:
        """Return the volatile coin that came first; those that come later change nothing."""
        is_known = np.isfinite(self._log_volatility)
        if not is_known.any():
            message = f"no volatile coin has a day; there are {', '.join(self.days.symbols)}"
            raise ValueError(message)
        first = np.where(is_known.any(axis=0), is_known.argmax(axis=0), len(is_known))
        names = [self.days.symbols[column] for column in self._volatile]
        # of several that came together the settings' own
        is_other = [name != self.settings.lead_symbol for name in names]
        return int(np.lexsort((is_other, first))[0])

    def fan(self, origin: int, seed: int, symbols: Sequence[str] | None = None) -> Fan:
        """Return the fan of one origin; the same for a coin whichever others are asked for.

        A coin has none if its close of the day before is not known, or it has fewer than `min_days`
        closes.

        Args:
            origin: number of a day since 1970-01-01; the last known day is the one before.
            seed: of all randomness, together with the origin.
            symbols: coins to project; all of them if not given.

        Raises:
            ValueError: if the day before the origin is not there, or nothing can be drawn yet.
        """
        known = origin - self.days.first
        if not 2 <= known <= len(self.days):
            message = f"no fan from day {origin}: the whole days before it are not in the candles"
            raise ValueError(message)
        settings = self.settings
        columns = self._asked(known, symbols)
        names = tuple(self.days.symbols[column] for column in columns)
        rng = np.random.default_rng([seed, origin])
        begins = draw_blocks(rng, settings.horizon_days, settings.paths, settings.block_days)
        shape = len(columns), settings.horizon_days
        quantiles = np.empty((*shape, len(LEVELS)))
        samples = np.empty((*shape, settings.sample_paths))
        is_stable = np.array([name in settings.stable_symbols for name in names], dtype=bool)
        if not is_stable.all():
            quantiles[~is_stable], samples[~is_stable] = self._simulated(
                known, columns[~is_stable], begins
            )
        for row in np.flatnonzero(is_stable):
            quantiles[row], samples[row] = self._pegged(known, int(columns[row]), begins)
        methods = tuple(self._method(known, int(column)) for column in columns)
        last_close = self.days.close[known - 1, columns]
        return Fan(origin, names, methods, last_close, quantiles, samples)

    def _asked(self, known: int, symbols: Sequence[str] | None) -> Ints:
        is_asked = np.isin(
            np.array(self.days.symbols), self.days.symbols if symbols is None else list(symbols)
        )
        has_close = np.isfinite(self.days.close[known - 1])
        is_old_enough = self._closes_so_far[known - 1] >= self.settings.min_days
        has_state = np.ones(len(self.days.symbols), dtype=bool)
        has_state[self._volatile] = np.isfinite(self._components.deviations[known - 1]).all(axis=1)
        return np.flatnonzero(is_asked & has_close & is_old_enough & has_state)

    def _method(self, known: int, column: int) -> str:
        if self.days.symbols[column] in self.settings.stable_symbols:
            is_away = is_depegged(self.days.close[known - 1 : known, column])[0]
            return DEPEGGED if is_away else PEGGED
        is_short = self._closes_so_far[known - 1, column] < self.settings.short_days
        return SHORT if is_short else SIMULATED

    def _simulated(self, known: int, columns: Ints, begins: Floats) -> tuple[Floats, Floats]:
        settings = self.settings
        shocks, state = self._past(known)
        own = np.searchsorted(self._volatile, columns)
        positions = drawn_days(begins, len(shocks.move), settings.horizon_days, settings.block_days)
        log_prices = simulate(state.of(own), shocks.of(own), positions, settings)
        last_close = self.days.close[known - 1, columns][:, None, None]
        turned = np.where(np.arange(settings.sample_paths) % 2, -1.0, 1.0)
        samples = np.exp(log_prices[..., : settings.sample_paths] * turned)
        return last_close * np.exp(mirrored_quantiles(log_prices)), last_close * samples

    def _past(self, known: int) -> tuple[Shocks, State]:
        """Return what all volatile coins have gone through in the pool, and where they stand."""
        first = max(known - self.settings.pool_days, 1)
        log_volatility, components = self._log_volatility, self._components
        coefficients = fit(components, log_volatility, first, known)
        surprise = surprises(components, log_volatility, coefficients, first, known)
        shocks = make_shocks(self._shock[first:known], surprise, self.settings.short_days)
        above = log_volatility[first:known] - components.level[first - 1 : known - 1]
        state = State(
            components.deviations[known - 1],
            components.level[known - 1],
            coefficients,
            float(np.nanmax(above)),
        )
        return shocks, state

    def _pegged(self, known: int, column: int, begins: Floats) -> tuple[Floats, Floats]:
        settings = self.settings
        close = self.days.close[:known, column]
        peg = fit_peg(close)
        positions = drawn_days(begins, len(peg.shocks), settings.horizon_days, settings.block_days)
        prices = simulate_peg(peg, float(close[-1]), positions)
        return peg_quantiles(prices), prices[:, : settings.sample_paths]


def mirrored_quantiles(log_prices: Floats) -> Floats:
    """Return (coins, horizon, levels) quantiles of paths and their mirror images together.

    A share p of both lies above a quantile just where a share 2p of the distances lies beyond it.

    Args:
        log_prices: (coins, horizon, paths) above the last close.
    """
    distance = np.abs(log_prices)
    within = [2.0 * level - 1.0 for level in LEVELS if level > 0.5]
    upper = np.moveaxis(np.quantile(distance, within, axis=-1, overwrite_input=True), 0, -1)
    middle = np.zeros((*log_prices.shape[:-1], 1))
    quantiles: Floats = np.concatenate([-upper[..., ::-1], middle, upper], axis=-1)
    return quantiles
