"""The champion: what is published live, composed of what its members said in a walk. Pure.

Mean over each member's seeds, mean over the members, λ of the refit, guard, adaptive conformal
calibration, in this order. Guard and calibration go through the test hours of each coin in order,
across refits: the outcome of hour t's forecast is the close of t + 1, known when the forecast of
t + 1 is issued. Their states are seeded with the validation rows of the first fit, which the
members were not trained on (they stopped and were shrunk by them).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from conf.champion import CHAMPION, ChampionSettings
from model.composition import mean
from model.conformal import calibrate_coins
from model.evaluation.predictions import Ground
from model.evaluation.rows import Rows
from model.forecasters.forecaster import LEVELS, Kind
from model.guard import guard_coins
from model.shrinkage import choose_weight, shrink
from model.stable import is_depegged

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.int64]

MIDDLE = len(LEVELS) // 2


@dataclass(frozen=True)
class Champion:
    """A row of the report that is not fitted itself.

    Attributes:
        members: forecasters, in the order of the settings.
        settings: what happens to their mean.
        name: as in `--models`.
    """

    members: tuple[Kind, ...]
    settings: ChampionSettings
    name: str = CHAMPION


Model = Kind | Champion
"""What `--models` may name."""


def fitted_for(model: Model) -> tuple[Kind, ...]:
    """Return the forecasters that are fitted for a model: itself, or the champion's members."""
    return model.members if isinstance(model, Champion) else (model,)


@dataclass(frozen=True)
class Said:
    """What one member said in one fit, averaged over its seeds.

    Attributes:
        asked: (asked, levels) quantiles of z of the ground's asked rows.
        validation: (validation, levels) of the ground's validation rows.
    """

    asked: Floats
    validation: Floats


@dataclass(frozen=True)
class Composition:
    """What the champion was made of, for the report.

    Attributes:
        members: names.
        shrinkage: λ of each refit; None if the mean is not shrunk.
        guarded: coin → share of its asked hours in which the guard put the last close; None
            without guard.
        is_calibrated: whether the bands are.
        seeded_from: rows before the first test hour that guard and calibration began with.
        depegged: stable coin → hours in which its last close was too far from 1, whose bands were
            widened: the depeg flag.
    """

    members: tuple[str, ...]
    shrinkage: tuple[float, ...] | None
    guarded: dict[str, float] | None
    is_calibrated: bool
    seeded_from: int
    depegged: dict[str, int]


def compose(
    champion: Champion, rows: Rows, grounds: Sequence[Ground], said: Sequence[Sequence[Said]]
) -> tuple[list[Floats], Composition]:
    """Return the champion's prices.

    Args:
        champion: members and settings.
        rows: that the grounds count in.
        grounds: of the fits, whose test hours follow each other.
        said: fit by fit, what each member said, in the order of `champion.members`.

    Returns:
        (tested, levels) prices of each fit, and what they were made of. A refused row carries the
        baseline and teaches guard and calibration nothing.
    """
    settings = champion.settings
    validation, asked, weights = [], [], []
    for ground, members in zip(grounds, said, strict=True):
        together = mean([member.validation for member in members])
        z = rows.z[ground.validation]
        weight = choose_weight(z, together[:, MIDDLE]) if settings.is_shrunk else 1.0
        weights.append(weight)
        validation.append(shrink(together, weight))
        asked.append(shrink(mean([member.asked for member in members]), weight))
    chain = np.concatenate([grounds[0].validation, *(ground.asked for ground in grounds)])
    quantiles = np.concatenate([validation[0], *asked])
    guarded = np.zeros(len(chain), dtype=bool)
    if settings.is_guarded:
        quantiles, guarded, _ = guard_coins(
            _symbols(rows, chain),
            rows.open_time_ms[chain],
            quantiles,
            rows.sigma[chain],
            rows.z[chain],
        )
    if settings.is_calibrated:
        quantiles = _calibrated(rows, chain, quantiles)
    seeded = len(grounds[0].validation)
    stable = _stable(rows, grounds, is_calibrated=settings.is_calibrated)
    published = _split(quantiles[seeded:], [len(ground.asked) for ground in grounds])
    prices = [
        replace(ground, stable=ruled).prices(rows, champion.name, part)
        for ground, ruled, part in zip(grounds, stable, published, strict=True)
    ]
    return prices, Composition(
        members=tuple(member.name for member in champion.members),
        shrinkage=tuple(weights) if settings.is_shrunk else None,
        guarded=_shares(rows, chain[seeded:], guarded[seeded:]) if settings.is_guarded else None,
        is_calibrated=settings.is_calibrated,
        seeded_from=seeded,
        depegged=_depegged(rows, grounds),
    )


def _stable(rows: Rows, grounds: Sequence[Ground], *, is_calibrated: bool) -> list[Floats]:
    """Return (tested, levels) prices of the stable coins' rule, calibrated; NaN in other rows."""
    first = grounds[0]
    ruled = [np.isfinite(ground.stable[:, 0]) for ground in grounds]
    own = [ground.tested[mask] for ground, mask in zip(grounds, ruled, strict=True)]
    chain = np.concatenate([first.stable_validation, *own])
    prices = np.concatenate(
        [first.stable_seed, *(g.stable[mask] for g, mask in zip(grounds, ruled, strict=True))]
    )
    if is_calibrated and len(chain):
        close, sigma = rows.close[chain][:, None], rows.sigma[chain][:, None]
        quantiles = _calibrated(rows, chain, np.log(prices / close) / sigma)
        prices = close * np.exp(sigma * quantiles)
    parts = _split(prices[len(first.stable_validation) :], [len(part) for part in own])
    found = []
    for ground, mask, part in zip(grounds, ruled, parts, strict=True):
        whole = ground.stable.copy()
        whole[mask] = part
        found.append(whole)
    return found


def _calibrated(rows: Rows, chain: Positions, quantiles: Floats) -> Floats:
    return calibrate_coins(_symbols(rows, chain), quantiles, rows.z[chain], LEVELS)[0]


def _symbols(rows: Rows, chosen: Positions) -> list[str]:
    return [rows.spec.symbols[coin] for coin in rows.coin[chosen].tolist()]


def _split(values: Floats, lengths: Sequence[int]) -> list[Floats]:
    return np.split(values, np.cumsum(lengths)[:-1])


def _shares(rows: Rows, chain: Positions, flags: npt.NDArray[np.bool_]) -> dict[str, float]:
    coin = rows.coin[chain]
    return {
        rows.spec.symbols[number]: float(flags[coin == number].mean())
        for number in np.unique(coin).tolist()
    }


def _depegged(rows: Rows, grounds: Sequence[Ground]) -> dict[str, int]:
    tested = np.concatenate([g.tested[np.isfinite(g.stable[:, 0])] for g in grounds])
    far = is_depegged(rows.close[tested])
    return {
        symbol: int(far[rows.coin[tested] == rows.spec.symbols.index(symbol)].sum())
        for symbol in rows.spec.stable
    }
