"""Scores of forecasts in Postgres, and what guard and calibration learned of them.

Guarantee: a score is written once per (forecast, revision of the candle), in one transaction with
all others of the same look; what the states learned is in the same rows. So after a crash anywhere
the states are made again from the rows, equal bit by bit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from psycopg2.extras import Json

from conf.contracts.forecasts import tuple_or_none
from conf.names import HOUR_MS, epoch_ms, utc_time
from model.calibration import CoinState, Learned, learn
from streaming.forecasts.calibrations import LEDGER_HOURS, Calibrations, Recorded
from streaming.forecasts.ledger_rows import LIVE
from streaming.forecasts.truths import Score, Truth, in_order, lesson, score

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - likewise

LOOK_BACK_MS = 7 * 24 * HOUR_MS
"""Candles that are repaired later than this change no score; the topic's retention ends there, too."""

_TRUTHS = """
SELECT f.symbol, f.target_open_time, f.as_of_open_time, f.model_version, f.kind, f.last_close,
       f.q05, f.q25, f.q50, f.q75, f.q95, f.is_fallback, f.is_guarded, f.sigma, f.raw_z, f.base_z,
       c.close, c.verdict, c.revision,
       NOT EXISTS (SELECT FROM forecast_score s WHERE s.symbol = f.symbol
                   AND s.target_open_time = f.target_open_time
                   AND s.model_version = f.model_version AND s.kind = f.kind)
FROM forecast f
JOIN LATERAL (SELECT close, verdict, revision FROM candle
              WHERE symbol = f.symbol AND interval = '1h' AND open_time = f.target_open_time
                AND status = 'final'
              ORDER BY revision DESC LIMIT 1) c ON c.close IS NOT NULL
WHERE f.target_open_time >= %(since)s AND f.kind = ANY(%(kinds)s) AND f.refusal_reason IS NULL
  AND NOT EXISTS (SELECT FROM forecast_score s WHERE s.symbol = f.symbol
                  AND s.target_open_time = f.target_open_time
                  AND s.model_version = f.model_version AND s.kind = f.kind
                  AND s.candle_revision = c.revision)
"""
_INSERT = """
INSERT INTO forecast_score
    (symbol, target_open_time, model_version, kind, candle_revision, verdict, last_close,
     actual_close, is_fallback, abs_error, naive_abs_error, in_band_50, in_band_90, z, pinball,
     naive_pinball, alphas_after)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
"""
_SEEDS = """
SELECT symbol, state FROM calibration_seed WHERE kind = %(kind)s AND model_version = %(version)s
"""
_SEED = """
INSERT INTO calibration_seed (kind, model_version, symbol, state) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING
"""
_OUTCOMES = """
SELECT f.symbol, f.as_of_open_time, f.raw_z, f.is_guarded, f.sigma, s.z, s.alphas_after
FROM unnest(%(symbols)s) AS wanted (name)
CROSS JOIN LATERAL (
    SELECT * FROM forecast_score
    WHERE kind = %(kind)s AND symbol = wanted.name AND alphas_after IS NOT NULL
      AND (%(version)s = '' OR model_version = %(version)s)
    ORDER BY id DESC LIMIT %(limit)s) s
JOIN forecast f USING (symbol, target_open_time, model_version, kind)
ORDER BY s.id
"""
"""Shadow forecasts are chained by version, live ones across versions."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Forecasts whose outcomes teach the same states: `version` is '' for the live ones."""

    kind: str
    version: str = ""


class ScoreLedger:
    """Scores what has come true and brings the states along.

    Args:
        connection: gives an open connection in autocommit mode.
        symbols: of the run.
    """

    def __init__(self, connection: Callable[[], Connection], symbols: Sequence[str]) -> None:
        self._connection = connection
        self._symbols = tuple(symbols)

    def calibrations(self, chain: Chain, seeds: Mapping[str, CoinState]) -> Calibrations:
        """Return the states of a chain as the ledger has them.

        Args:
            chain: which.
            seeds: what a chain that is not there yet begins with.
        """
        recorded = self._recorded(chain)
        return Calibrations.begin(seeds) if recorded is None else Calibrations.resume(recorded)

    def _recorded(self, chain: Chain) -> dict[str, Recorded] | None:
        where = {
            "kind": chain.kind,
            "version": chain.version,
            "symbols": list(self._symbols),
            "limit": LEDGER_HOURS,
        }
        with self._connection().cursor() as cursor:
            cursor.execute(_SEEDS, where)
            seeds = {symbol: CoinState.from_dict(state) for symbol, state in cursor}
            cursor.execute(_OUTCOMES, where)
            outcomes: dict[str, list[Learned]] = {symbol: [] for symbol in self._symbols}
            for symbol, as_of, raw_z, is_guarded, sigma, z, alphas in cursor:
                outcomes[symbol].append(
                    Learned(epoch_ms(as_of), tuple(raw_z), is_guarded, sigma, z, tuple(alphas))
                )
        if not seeds and not any(outcomes.values()):
            return None
        return {
            symbol: Recorded(seeds.get(symbol), tuple(outcomes[symbol])) for symbol in self._symbols
        }

    def settle(self, now_ms: int, books: Mapping[Chain, Calibrations]) -> int:
        """Score every forecast whose close has become final; return how many.

        One transaction. The states move on once it is committed.

        Args:
            now_ms: open time of the newest closed hour, UTC epoch ms.
            books: states by chain; forecasts of other chains are left alone.

        Raises:
            psycopg2.Error: if the store refuses; nothing is scored then, and nothing learned.
        """
        with self._connection() as connection, connection.cursor() as cursor:
            kinds = sorted({chain.kind for chain in books})
            cursor.execute(_TRUTHS, {"since": utc_time(now_ms - LOOK_BACK_MS), "kinds": kinds})
            truths = [truth for truth in in_order(map(_truth, cursor)) if _chain(truth) in books]
            after: dict[Chain, dict[str, CoinState]] = {}
            for truth in truths:
                scored = score(truth)
                learned = lesson(truth, scored)
                state = None
                if learned is not None:
                    states = after.setdefault(_chain(truth), {})
                    before = states.get(truth.symbol) or books[_chain(truth)].state(truth.symbol)
                    state = states[truth.symbol] = learn(before, learned)
                cursor.execute(_INSERT, _row(truth, scored, state))
        for chain, states in after.items():
            books[chain].take(states)
        return len(truths)


def write_seeds(cursor: Cursor, chain: Chain, books: Calibrations) -> None:
    """Keep what a chain begins with, in the transaction of its first forecasts."""
    for symbol, state in books.seeds.items():
        document = Json(state.to_dict(), dumps=lambda value: orjson.dumps(value).decode())
        cursor.execute(_SEED, (chain.kind, chain.version, symbol, document))


def _chain(truth: Truth) -> Chain:
    return Chain(truth.kind, "" if truth.kind == LIVE else truth.model_version)


def _truth(row: tuple[Any, ...]) -> Truth:
    symbol, target, as_of, version, kind, last_close, *rest = row
    bands, rest = tuple(rest[:5]), rest[5:]
    is_fallback, is_guarded, sigma, raw_z, base_z, close, verdict, revision, is_first = rest
    return Truth(
        symbol=symbol,
        target_open_time_ms=epoch_ms(target),
        as_of_open_time_ms=epoch_ms(as_of),
        model_version=version,
        kind=kind,
        last_close=last_close,
        bands=bands,
        is_fallback=is_fallback,
        is_guarded=is_guarded,
        sigma=sigma,
        raw_z=tuple_or_none(raw_z),
        base_z=tuple_or_none(base_z),
        actual_close=close,
        verdict=verdict,
        candle_revision=revision,
        is_first=is_first,
    )


def _row(truth: Truth, scored: Score, state: CoinState | None) -> tuple[Any, ...]:
    return (
        truth.symbol,
        utc_time(truth.target_open_time_ms),
        truth.model_version,
        truth.kind,
        truth.candle_revision,
        truth.verdict,
        truth.last_close,
        truth.actual_close,
        truth.is_fallback,
        scored.abs_error,
        scored.naive_abs_error,
        scored.in_band_50,
        scored.in_band_90,
        scored.z,
        scored.pinball,
        scored.naive_pinball,
        list(state.conformal.alphas) if state else None,
    )
