"""From the model's floats to prices that the exchange could quote. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from itertools import pairwise

from conf.contracts.forecasts import QUANTILES


class UnusableScoreError(ValueError):
    """The model's answer is no ordered set of positive prices; the message says what is wrong."""


def to_tick(price: float, tick: Decimal) -> Decimal:
    """Return the multiple of `tick` nearest to `price`, halves to even.

    Monotone, hence quantiles that were ordered stay ordered. The result has the tick's own number
    of decimals, without trailing zeros of the tick.

    Raises:
        UnusableScoreError: if the price is no positive finite number.
        ValueError: if the tick is not positive.
    """
    if tick <= 0:
        message = f"tick size {tick} is not positive"
        raise ValueError(message)
    if not math.isfinite(price) or price <= 0:
        message = f"price {price!r} is no positive finite number"
        raise UnusableScoreError(message)
    step = tick.normalize()
    if step.as_tuple().exponent > 0:  # type: ignore[operator]  # finite, so the exponent is an int
        step = step.quantize(Decimal(1))
    with localcontext() as context:
        context.prec = 40
        # repr, not the binary expansion: 61685.985 is meant as those digits
        steps = (Decimal(repr(price)) / step).to_integral_value(ROUND_HALF_EVEN)
        return steps * step


def quantile_prices(scores: Mapping[float, float], tick: Decimal) -> tuple[Decimal, ...]:
    """Return one price per quantile of the contract, on the tick grid and in order.

    Raises:
        UnusableScoreError: if a quantile is missing, no positive finite number, or out of order.
    """
    missing = [level for level in QUANTILES if level not in scores]
    if missing:
        message = f"quantiles {missing} are missing"
        raise UnusableScoreError(message)
    values = [scores[level] for level in QUANTILES]
    prices = tuple(to_tick(value, tick) for value in values)
    if not _is_ordered(values):
        message = f"quantiles cross: {values}"
        raise UnusableScoreError(message)
    return prices


def _is_ordered(values: Sequence[float]) -> bool:
    return all(low <= high for low, high in pairwise(values))
