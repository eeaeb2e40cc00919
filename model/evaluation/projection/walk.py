"""Weekly origins: the fan of each, beside the random walk and the paper's model, and what came. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from conf.names import DAY_MS
from model.evaluation.projection import paper
from model.evaluation.projection.random_walk import RandomWalk
from model.projection.days import Days
from model.projection.fan import Projector
from model.projection.settings import LEVELS, ProjectionSettings

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

STEP_DAYS = 7


class ProjectionError(Exception):
    """There is nothing to project; one line that says what to do."""


@dataclass(frozen=True)
class Projected:
    """What was said at each origin, and what came; NaN where nothing was said or has come.

    Attributes:
        symbols: coins.
        stable: those that have the rule of the peg.
        origins: (origins,) numbers of days since 1970-01-01, rising.
        last_close: (origins, coins) quote units.
        method: (origins, coins) of the fan, None where there is none.
        fan: (origins, coins, horizon, levels) prices.
        walk: (origins, coins, horizon, levels) prices of the random walk where there is a fan.
        paper: (origins, coins, horizon) prices of the paper's model, of volatile coins.
        samples: (origins, coins, horizon, samples) prices.
        actual: (origins, coins, horizon) closes that came.
        fits: how many times the paper's model was fitted.
    """

    symbols: tuple[str, ...]
    stable: tuple[str, ...]
    origins: Ints
    last_close: Floats
    method: npt.NDArray[np.object_]
    fan: Floats
    walk: Floats
    paper: Floats
    samples: Floats
    actual: Floats
    fits: int


def plan_origins(days: Days, from_ms: int, until_ms: int) -> Ints:
    """Return the midnights to project from: the first in range and each week after it.

    Args:
        days: whole days; an origin needs two before it, and all the days up to it.
        from_ms: UTC epoch ms; the origins are counted from here whatever the candles hold.
        until_ms: last moment that an origin may have.

    Raises:
        ProjectionError: if there is none.
    """
    first, last = -(-from_ms // DAY_MS), until_ms // DAY_MS
    planned = np.arange(first, last + 1, STEP_DAYS, dtype=np.int64)
    if not len(planned):
        message = "no midnight lies in the range from --test-from to --test-until"
        raise ProjectionError(message)
    origins = planned[(planned >= days.first + 2) & (planned <= days.next_origin)]
    if not len(origins):
        message = (
            f"the candles hold the whole days {_date(days.first)} to {_date(days.next_origin - 1)}: "
            "there is no midnight of the range with two of them before it"
        )
        raise ProjectionError(message)
    return origins


def make_projector(days: Days, settings: ProjectionSettings) -> Projector:
    """Return what makes the fans.

    Raises:
        ProjectionError: if no volatile coin has a day.
    """
    try:
        return Projector(days, settings)
    except ValueError as error:
        raise ProjectionError(str(error)) from error


def walk(
    projector: Projector,
    origins: Ints,
    seed: int,
    on_origin: Callable[[int], None] = lambda _: None,
) -> Projected:
    """Project from each origin, without the paper's model.

    Args:
        projector: of all days; a fan sees those before its origin.
        origins: of `plan_origins`.
        seed: of all randomness.
        on_origin: called after each with its number in order, 1 ….

    Raises:
        ProjectionError: if there is nothing to draw from at an origin.
    """
    days, settings = projector.days, projector.settings
    size = len(origins), len(days.symbols), settings.horizon_days
    fan, by_walk = np.full((2, *size, len(LEVELS)), np.nan)
    samples = np.full((*size, settings.sample_paths), np.nan)
    last_close = np.full(size[:2], np.nan)
    method = np.full(size[:2], None, dtype=object)
    random_walk = RandomWalk(days)
    for row, origin in enumerate(origins.tolist()):
        try:
            one = projector.fan(origin, seed)
        except ValueError as error:
            message = f"origin {_date(origin)}: {error}"
            raise ProjectionError(message) from error
        columns = np.array([days.symbols.index(name) for name in one.symbols], dtype=np.int64)
        fan[row, columns], samples[row, columns] = one.quantiles, one.samples
        last_close[row, columns], method[row, columns] = one.last_close, one.methods
        by_walk[row, columns] = random_walk.quantiles(origin, columns, settings.horizon_days)
        on_origin(row + 1)
    stable = tuple(name for name in days.symbols if name in settings.stable_symbols)
    return Projected(
        days.symbols,
        stable,
        origins,
        last_close,
        method,
        fan,
        by_walk,
        np.full(size, np.nan),
        samples,
        _actual(days, origins, settings.horizon_days),
        0,
    )


def with_paper(
    projected: Projected,
    days: Days,
    seed: int,
    on_fit: Callable[[int], None] = lambda _: None,
) -> Projected:
    """Add what the paper's model would have said; takes some seconds for each year.

    Args:
        projected: of `walk`.
        days: the same.
        seed: of the network.
        on_fit: called after each year of origins with its number in order, 1 ….
    """
    prices = np.full(projected.actual.shape, np.nan)
    columns = np.flatnonzero([name not in projected.stable for name in days.symbols])
    fits = 0
    for done, rows in enumerate(paper_years(projected.origins), start=1):
        fitted = paper.fit_daily(days, columns, int(projected.origins[rows[0]]), seed)
        if fitted is not None:
            fits += 1
            _say(prices, fitted, projected, days, rows)
        on_fit(done)
    return replace(projected, paper=prices, fits=fits)


def paper_years(origins: Ints) -> list[Ints]:
    """Return the rows of the origins that share one fit of the paper's model."""
    year = (origins - origins[0]) // paper.REFIT_DAYS
    return [np.flatnonzero(year == number) for number in np.unique(year)]


def _say(prices: Floats, fitted: paper.Daily, projected: Projected, days: Days, rows: Ints) -> None:
    """Write a year's rows into `prices`, where a fan was made and the last closes are known."""
    said = []
    for row in rows.tolist():
        for symbol in fitted.symbols:
            column = days.symbols.index(symbol)
            last = paper.last_closes(days, symbol, int(projected.origins[row]))
            if last is not None and np.isfinite(projected.last_close[row, column]):
                said.append((row, column, symbol, last))
    if said:
        at, of, symbols, closes = zip(*said, strict=True)
        paths = fitted.paths(symbols, np.array(closes), prices.shape[2])
        prices[list(at), list(of)] = paths


def _actual(days: Days, origins: Ints, horizon: int) -> Floats:
    rows = (origins - days.first)[:, None] + np.arange(horizon)
    is_there = rows < len(days)
    closes = days.close[np.minimum(rows, len(days) - 1)]
    closes[~is_there] = np.nan
    return np.moveaxis(closes, 1, 2)


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
