"""The forecasts and refusals of one hour, one per symbol of the run. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from conf.contracts.forecasts import Forecast
from streaming.forecasts.pending import Hour, is_late
from streaming.forecasts.prices import UnusableScoreError, quantile_prices

LIVE, SHADOW = "live", "shadow"
"""Kinds of forecasts: what is served, and what a challenger would have said of the same hour."""

NO_TICK = "no tick size: no row in table symbol"


@dataclass(frozen=True, slots=True)
class SymbolInput:
    """What one symbol brings to an hour: exact last close, tick and what became of its features.

    `input_revision` is the revision of the candle that `last_close` comes from, None without one.
    `unusable` is the reason why no features could be made, None if they could.
    """

    last_close: Decimal | None
    tick: Decimal | None
    feature_hash: str
    unusable: str | None
    input_revision: int | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What is to be published of one symbol, and what it was made of; see `Forecast`.

    `prices` are by quantile level, not yet on the tick grid.
    """

    prices: Mapping[float, float]
    sigma: float | None = None
    raw_z: tuple[float, ...] | None = None
    base_z: tuple[float, ...] | None = None
    alphas: tuple[float, ...] | None = None
    is_guarded: bool = False
    is_depegged: bool = False


@dataclass(frozen=True, slots=True)
class Scores:
    """The model's answers by symbol, or why there is none at all.

    `is_fallback` is True if an expired model lent only its baseline's bands.
    """

    by_symbol: Mapping[str, Answer]
    failure: str | None = None
    is_fallback: bool = False


def build_rows(
    hour: Hour,
    symbols: Sequence[str],
    inputs: Mapping[str, SymbolInput],
    scores: Scores,
    *,
    mask: str,
    model_version: str,
    issued_at_ms: int,
    kind: str = LIVE,
) -> list[Forecast]:
    """Return exactly one forecast or refusal per symbol, in the order of `symbols`.

    Args:
        hour: the decision on the hour; its refusals stand. If the hour has become late since,
            every symbol is refused.
        symbols: symbols of the run.
        inputs: what is known of each symbol; one that is absent has no input at all.
        scores: what the model said of the symbols that could be scored.
        mask: which inputs the model saw, one character per symbol.
        model_version: version that scored or would have scored.
        issued_at_ms: exchange time, UTC epoch ms.
        kind: of the forecasts.
    """
    if is_late(hour.as_of_open_time_ms, issued_at_ms):
        hour = hour.judged_late()
    rows = []
    for symbol in symbols:
        known = inputs.get(symbol, SymbolInput(None, None, "", None))
        prices, refusal = _prices_or_refusal(hour, symbol, known, scores)
        q05, q25, q50, q75, q95 = prices
        answer = scores.by_symbol[symbol] if refusal is None else Answer({})
        rows.append(
            Forecast(
                symbol=symbol,
                target_open_time_ms=hour.target_open_time_ms,
                as_of_open_time_ms=hour.as_of_open_time_ms,
                model_version=model_version,
                kind=kind,
                issued_at_ms=issued_at_ms,
                last_close=known.last_close,
                q05=q05,
                q25=q25,
                q50=q50,
                q75=q75,
                q95=q95,
                is_fallback=scores.is_fallback and refusal is None,
                refusal_reason=refusal,
                input_verdict=hour.verdicts.get(symbol),
                mask=mask,
                feature_hash=known.feature_hash,
                input_revision=known.input_revision,
                sigma=answer.sigma,
                raw_z=answer.raw_z,
                base_z=answer.base_z,
                alphas=answer.alphas,
                is_guarded=answer.is_guarded,
                is_depegged=answer.is_depegged,
            )
        )
    return rows


def _prices_or_refusal(
    hour: Hour, symbol: str, known: SymbolInput, scores: Scores
) -> tuple[Sequence[Decimal | None], str | None]:
    refusal = _refusal(hour, symbol, known, scores)
    if refusal is None and known.tick is not None:
        try:
            return quantile_prices(scores.by_symbol[symbol].prices, known.tick), None
        except UnusableScoreError as error:
            refusal = f"model failed: {error}"
    return (None,) * 5, refusal


def _refusal(hour: Hour, symbol: str, known: SymbolInput, scores: Scores) -> str | None:
    if symbol in hour.refusals:
        return hour.refusals[symbol]
    if known.unusable is not None:
        return f"features: {known.unusable}"
    if known.tick is None:
        return NO_TICK
    if scores.failure is not None:
        return f"model failed: {scores.failure}"
    if symbol not in scores.by_symbol:
        return "model failed: no answer for this symbol"
    return None
