"""Real hours: features over true gaps and absent coins, and a small fit that must beat its baseline."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conf.champion import ChampionSettings
from conf.contracts.forecasts import QUANTILES
from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.champion_fit import fit_champion
from model.features import FeatureSpec, build_rows
from model.validation import judge
from tests.support.model_history import write_snapshot

pytestmark = [pytest.mark.unit, pytest.mark.realdata]

HOURLY = Path(__file__).parents[4] / "shared" / "data" / "hourly"
VOLATILE = ("BTCUSDT", "ETHUSDT", "XRPUSDT", "BNBUSDT", "DOGEUSDT", "ADAUSDT", "DOTUSDT", "SOLUSDT")


def real_panel(symbols: tuple[str, ...], start: str, stop: str) -> pd.DataFrame:
    frames = []
    for symbol in symbols:
        hours = pd.read_parquet(HOURLY / f"{symbol}-1h.parquet")
        hours = hours[(hours["open_time"] >= start) & (hours["open_time"] < stop)]
        times = hours["open_time"].astype("datetime64[ms, UTC]").astype("int64")
        frames.append(hours.assign(symbol=symbol, open_time_ms=times, is_valid=True))
    return pd.concat(frames, ignore_index=True)


def test_replayed_hours_have_the_bits_of_the_batch() -> None:
    """2023-03: the exchange halted on the 24th, USDC came back on the 11th and fell off its peg."""
    symbols = ("BTCUSDT", "ETHUSDT", "MATICUSDT", "USDCUSDT")
    panel = real_panel(symbols, "2023-02-10", "2023-04-05")
    at = list(
        range(
            int(panel["open_time_ms"].max()) - 799 * HOUR_MS, panel["open_time_ms"].max(), HOUR_MS
        )
    )
    batch = build_rows(panel, symbols, at)
    assert set(batch["reason"].dropna()) >= {
        "input hour absent",
        "short history",
        "gap in the last 48 hours",
    }
    for position in range(len(at)):
        known = panel[panel["open_time_ms"] <= at[position]]  # as the live query sees it
        live = build_rows(known, symbols, at[position : position + 1])
        replayed = batch.iloc[position * len(symbols) : (position + 1) * len(symbols)]
        assert list(live["feature_hash"]) == list(replayed["feature_hash"])
        assert list(live["mask"]) == list(replayed["mask"])


@pytest.mark.timeout(600)
def test_a_small_fit_beats_the_last_close_with_ewma_bands(tmp_path: Path) -> None:
    spec = FeatureSpec(VOLATILE)
    settings = ModelSettings(epochs=5, fit_seconds=600)
    write_snapshot(tmp_path, real_panel(VOLATILE, "2024-05-01", "2024-09-01"), spec, settings)
    fitted = fit_champion(tmp_path, spec, settings, ChampionSettings(members=("lstm",)))
    judgement = judge(fitted.validation, fitted.quantiles, fitted.base, QUANTILES)
    print(judgement)
    assert judgement.val_pinball < 0.99 * judgement.ewma_pinball
    assert 0.95 < judgement.val_rmae < 1  # far below would be a leak
    assert 0.5 < judgement.val_da < 0.6
    assert not np.isnan(list(judgement.rmae.values())).any()
