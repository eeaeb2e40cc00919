"""The forecast message: what the topic `forecasts`, Parquet and Postgres hold. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import orjson

from conf.contracts.candles import decimal_text
from conf.contracts.json_messages import decimal_or_none, decoded

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
DECIMAL_FIELDS = ("last_close", "q05", "q25", "q50", "q75", "q95")


@dataclass(frozen=True, slots=True)
class Forecast:
    """One forecast or refusal (grain: symbol, target hour, model version, kind).

    Quantiles are prices of the close of the target hour, rounded to the symbol's tick; all None in a
    refusal. `issued_at_ms` is exchange time. `mask` has one character per symbol of the run, in
    the order of the settings: '1' if its input hour was there, '0' if it was masked.
    `input_revision` is the revision of the candle that `last_close` was taken from, None without one
    and in messages from before there was this field; a later repair of that hour changes nothing here.

    What the bands were made of, None in refusals and fallbacks: `sigma` is the hourly volatility of
    log-returns, the unit of z; `raw_z` the composed quantiles of z before guard and calibration,
    `base_z` those of the last close with EWMA bands; `alphas` the calibration's share outside of
    each pair of levels, outermost first. `is_guarded`: the guard put the last close in place of the
    median. `is_depegged`: a stable coin's last close was too far from 1, its bands are widened.
    """

    symbol: str
    target_open_time_ms: int
    as_of_open_time_ms: int
    model_version: str
    kind: str
    issued_at_ms: int
    last_close: Decimal | None
    q05: Decimal | None
    q25: Decimal | None
    q50: Decimal | None
    q75: Decimal | None
    q95: Decimal | None
    is_fallback: bool
    refusal_reason: str | None
    input_verdict: str | None
    mask: str
    feature_hash: str
    input_revision: int | None = None
    sigma: float | None = None
    raw_z: tuple[float, ...] | None = None
    base_z: tuple[float, ...] | None = None
    alphas: tuple[float, ...] | None = None
    is_guarded: bool = False
    is_depegged: bool = False


VECTORS = ("raw_z", "base_z", "alphas")
"""Fields that are lists of numbers in every store."""

ADDED: dict[str, Any] = {
    "input_revision": None,
    "sigma": None,
    **dict.fromkeys(VECTORS),
    "is_guarded": False,
    "is_depegged": False,
}
"""Fields that were added later, and what they are in records from before."""


def tuple_or_none(values: list[float] | None) -> tuple[float, ...] | None:
    """Return a stored list as a field of `VECTORS`."""
    return None if values is None else tuple(values)


def encode_forecast(forecast: Forecast) -> bytes:
    """Return the JSON message of a forecast."""
    fields: dict[str, Any] = {}
    for name in Forecast.__slots__:
        value = getattr(forecast, name)
        fields[name] = decimal_text(value) if isinstance(value, Decimal) else value
    return orjson.dumps(fields)


def decode_forecast(message: bytes) -> Forecast:
    """Return the forecast of a JSON message; fields added later are ignored.

    Raises:
        ContractError: if the message is no forecast.
    """
    convert: dict[str, Any] = dict.fromkeys(DECIMAL_FIELDS, decimal_or_none)
    convert |= dict.fromkeys(VECTORS, tuple_or_none)
    return decoded(message, Forecast, "forecast", convert, ADDED)
