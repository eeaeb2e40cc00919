"""One hour from the history cache to its forecasts: features, their record, the model, the rows."""

from __future__ import annotations

import math
import shutil
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import structlog

from conf.contracts.forecasts import QUANTILES, Forecast
from model.calibration import publish
from model.features import build_rows as build_features
from model.inference import Scored, features_parquet
from streaming.forecasts.bounded import call_bounded
from streaming.forecasts.calibrations import Calibrations
from streaming.forecasts.exogenous import ExogenousColumns
from streaming.forecasts.history_cache import HistoryCache
from streaming.forecasts.ledger import Listing
from streaming.forecasts.ledger_rows import LIVE, Answer, Scores, SymbolInput, build_rows
from streaming.forecasts.models import LoadedModel
from streaming.forecasts.pending import Hour
from streaming.forecasts.stores import HdfsStore

log = structlog.get_logger(__name__)

NOT_IN_VOCABULARY = "the model does not know this coin"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What an hour looks like to the model: by symbol of the run, and as a mask."""

    inputs: Mapping[str, SymbolInput]
    mask: str


class HourScorer:
    """Makes the rows of an hour; the features it used are on HDFS before the model is asked.

    A model that raises, hangs or answers nonsense becomes a refusal with the reason; an error of
    a store is raised.

    Args:
        symbols: symbols of the run, in the order of the mask.
        history: cached hours, brought up to now by the caller.
        store: where the record of the features goes.
        staging: local folder; one subfolder per hour, removed afterwards.
        timeout_s: wall seconds that the model may take.
        exogenous: columns from outside of the market, for models that ask for them.
        kind: of its forecasts; what a shadow version sees is not recorded on HDFS.
    """

    def __init__(
        self,
        symbols: tuple[str, ...],
        history: HistoryCache,
        store: HdfsStore,
        staging: Path,
        timeout_s: float,
        exogenous: ExogenousColumns,
        kind: str = LIVE,
    ) -> None:
        self._symbols = symbols
        self._history = history
        self._store = store
        self._staging = staging
        self._timeout_s = timeout_s
        self._exogenous = exogenous
        self._kind = kind

    def score(
        self,
        hour: Hour,
        model: LoadedModel,
        states: Calibrations,
        listings: Mapping[str, Listing],
        now_ms: Callable[[], int],
    ) -> list[Forecast]:
        """Return one forecast or refusal per symbol.

        Args:
            hour: the decision; nothing is asked of the model if no symbol of it is valid.
            model: version that scores.
            states: of guard and calibration, with all outcomes that are known.
            listings: tick sizes.
            now_ms: exchange time; read after scoring, so that no forecast claims to be earlier
                than it was.

        Raises:
            OSError: if the features cannot be staged or recorded.
        """
        prepared, scores = self._inputs(hour, listings), Scores({})
        if hour.valid:
            try:
                frame = self._features(hour, model)
            except ValueError as error:  # the panel does not fit; the next hour's may
                scores = Scores({}, f"no features: {error}")
            else:
                prepared = self._prepared(frame, prepared.inputs)
                scores = self._ask(hour, model, frame, states)
                if now_ms() >= model.scorer.expires_ms:
                    scores = _fallback(model, frame, scores)
        return build_rows(
            hour,
            self._symbols,
            prepared.inputs,
            scores,
            mask=prepared.mask,
            model_version=model.version,
            issued_at_ms=now_ms(),
            kind=self._kind,
        )

    def _inputs(self, hour: Hour, listings: Mapping[str, Listing]) -> Prepared:
        inputs = {}
        for symbol in self._symbols:
            known = self._history.hour(symbol, hour.as_of_open_time_ms)
            inputs[symbol] = SymbolInput(
                last_close=known.close if known else None,
                tick=listings[symbol].tick if symbol in listings else None,
                feature_hash="",
                unusable=None,
                input_revision=known.revision if known and known.close is not None else None,
            )
        return Prepared(inputs, hour.mask)

    def _features(self, hour: Hour, model: LoadedModel) -> pd.DataFrame:
        """Build the features from the hours that the decision knew, and no later arrival."""
        spec = model.scorer.spec
        panel = self._history.panel(hour.as_of_open_time_ms)
        is_input = panel["open_time_ms"] == hour.as_of_open_time_ms
        known = ~is_input | panel["symbol"].isin(hour.verdicts)
        panel = self._exogenous.add_to(panel[known], spec.exogenous)
        return build_features(panel, spec.symbols, [hour.as_of_open_time_ms], spec=spec)

    def _prepared(self, frame: pd.DataFrame, plain: Mapping[str, SymbolInput]) -> Prepared:
        by_symbol = {row["symbol"]: row for row in frame.to_dict("records")}
        inputs = {
            symbol: replace(known, unusable=NOT_IN_VOCABULARY)
            if symbol not in by_symbol
            else replace(
                known,
                feature_hash=by_symbol[symbol]["feature_hash"],
                unusable=by_symbol[symbol]["reason"],
            )
            for symbol, known in plain.items()
        }
        seen = dict(zip(frame["symbol"], frame["mask"].iloc[0], strict=True))
        return Prepared(inputs, "".join(seen.get(symbol, "0") for symbol in self._symbols))

    def _ask(
        self, hour: Hour, model: LoadedModel, frame: pd.DataFrame, states: Calibrations
    ) -> Scores:
        folder = self._staging / f"{hour.target_open_time_ms}-{uuid.uuid4().hex[:8]}"
        folder.mkdir(parents=True)
        content = features_parquet(frame)
        try:
            if self._kind == LIVE:
                self._store.write_features(hour.target_open_time_ms, content)
            (folder / "features.parquet").write_bytes(content)
            try:
                answers = call_bounded(lambda: model.scorer.score(folder), self._timeout_s)
            except Exception as error:  # whatever a model may do; it must not stop the query
                log.error("model failed", version=model.version, error=repr(error))
                return Scores({}, f"{type(error).__name__}: {error}"[:300])
            return Scores(
                {
                    answer.symbol: _published(answer, model, states, hour.as_of_open_time_ms)
                    for answer in answers
                }
            )
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _published(
    answer: Scored, model: LoadedModel, states: Calibrations, as_of_open_time_ms: int
) -> Answer:
    """Return what guard and calibration let out of a model's answer, in prices."""
    state, steps = states.state(answer.symbol), model.scorer.steps(answer.symbol)
    published = publish(state, answer.z, as_of_open_time_ms, steps)
    return Answer(
        prices=_prices(answer, published.z),
        sigma=answer.sigma,
        raw_z=answer.z,
        base_z=answer.base_z,
        alphas=published.alphas,
        is_guarded=published.is_guarded,
        is_depegged=answer.is_depegged,
    )


def _prices(answer: Scored, z: Sequence[float]) -> dict[float, float]:
    levels = zip(QUANTILES, z, strict=True)
    return {level: answer.last_close * math.exp(answer.sigma * value) for level, value in levels}


def _fallback(model: LoadedModel, frame: pd.DataFrame, scores: Scores) -> Scores:
    """Replace what expired members said by naive + EWMA bands; stable coins keep their rule."""
    usable = frame[frame["is_usable"] & ~frame["symbol"].isin(model.scorer.spec.stable)]
    bands = {}
    for row in usable.to_dict("records"):
        close, sigma = float(row["last_close"]), float(row["sigma"])
        answer = model.scorer.baseline(str(row["symbol"]), close, sigma)
        prices = _prices(answer, answer.z)
        bands[answer.symbol] = Answer(prices, sigma=sigma, base_z=answer.base_z)
    return Scores({**scores.by_symbol, **bands}, scores.failure, is_fallback=True)
