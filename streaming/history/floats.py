"""Floats of a recorded hour → the decimals that were meant. Pure.

This is the only place where history meets a float, and it happens once per figure: from here on the
figure is a decimal.
"""

from __future__ import annotations

import math
from decimal import ROUND_HALF_EVEN, Context, Decimal

# The exchange writes eight decimals; whatever lies behind them in a record is a float's rounding.
_WIRE = Decimal("0.00000001")
_MOST_DECIMALS = -8
# A sum or product of a few floats is off by some units in the last place.
_NOISE = Decimal("1e-14")
_CONTEXT = Context(prec=40, rounding=ROUND_HALF_EVEN)


def decimal_of(value: float, grid: Decimal | None = None) -> Decimal:
    """Return the decimal that a float stands for: its shortest digits, at most eight decimals.

    Where the symbol's tick or step is known, a value that misses it only by a float's rounding is
    set on it. One that lies truly between is left as it is: today's tick is not that of 2018, and
    the digits of then must not be lost. Order is kept: of two floats the larger never becomes
    smaller than the other.

    Raises:
        ValueError: if the float is not finite.
    """
    if not math.isfinite(value):
        message = f"{value!r} is not finite"
        raise ValueError(message)
    exact = Decimal(repr(value))
    if grid is not None and grid > 0:
        on_grid = _CONTEXT.multiply((exact / grid).to_integral_value(ROUND_HALF_EVEN), grid)
        if abs(on_grid - exact) <= _NOISE * abs(exact):
            return on_grid
    _, _, exponent = exact.as_tuple()
    return exact if int(exponent) >= _MOST_DECIMALS else exact.quantize(_WIRE, context=_CONTEXT)
