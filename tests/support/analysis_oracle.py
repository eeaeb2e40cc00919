"""What the analysis must say, by pandas and numpy from the definitions, and a small market to say it of."""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)
START = pd.Timestamp("2024-07-31T00:00Z")  # a Wednesday
UNTIL = pd.Timestamp("2024-10-14T00:00Z")  # a Monday: the last week is whole
MATIC_ENDS = pd.Timestamp("2024-09-10T03:00Z")
POL_BEGINS = pd.Timestamp("2024-09-13T10:00Z")
LATE_BEGINS = pd.Timestamp("2024-08-20T07:00Z")
LOST_DAY = pd.Timestamp("2024-08-07T00:00Z")
UNKNOWN_VOLUME = pd.Timestamp("2024-08-28T05:00Z")
SYMBOLS = ("BTCUSDT", "ETHUSDT", "MATICUSDT", "POLUSDT", "SOLUSDT")
LISTED = {
    "MATICUSDT": (START, MATIC_ENDS),
    "POLUSDT": (POL_BEGINS, UNTIL),
    "SOLUSDT": (LATE_BEGINS, UNTIL),
}
FIGURES = ["open", "high", "low", "close", "volume", "quote_volume"]
ROLLING = {"24h": 1, "7d": 7, "30d": 30}
LEAST_COMMON = 360
YEAR_HOURS = 8760
RELATIVE = 1e-9
Rows = dict[tuple[Any, ...], dict[str, Any]]


def market(seed: int = 0) -> pd.DataFrame:
    """Return `symbol`, `open_time` and `FIGURES` of coins that move together.

    BTCUSDT has holes and lost a whole day, SOLUSDT came late, MATICUSDT ended and POLUSDT began 79 hours
    later; one hour knows no volume.
    """
    rng = np.random.default_rng(seed)
    times = pd.date_range(START, UNTIL, freq="h", inclusive="left")
    common = rng.standard_t(4, len(times)) * 0.004
    frames = []
    for position, symbol in enumerate(SYMBOLS):
        steps = 0.7 * common + rng.standard_t(4, len(times)) * 0.003
        close = np.round(1000 / (1 + position) * np.exp(np.cumsum(steps)), 4)
        opened = np.concatenate([close[:1], close[:-1]])
        wick = 1 + np.abs(rng.normal(size=len(times))) * 0.002
        volume = np.round(rng.lognormal(3, 1, len(times)), 4)
        frame = pd.DataFrame(
            {
                "symbol": symbol,
                "open_time": times,
                "open": opened,
                "high": np.round(np.maximum(opened, close) * wick, 4),
                "low": np.round(np.minimum(opened, close) / wick, 4),
                "close": close,
                "volume": volume,
                "quote_volume": np.round(volume * close, 4),
            }
        )
        first, end = LISTED.get(symbol, (START, UNTIL))
        frames.append(frame[(frame["open_time"] >= first) & (frame["open_time"] < end)])
    hours = pd.concat(frames, ignore_index=True)
    is_btc = hours["symbol"] == "BTCUSDT"
    is_lost = hours["open_time"].dt.floor("D") == LOST_DAY
    holes = is_btc & (is_lost | (rng.random(len(hours)) < 0.02))
    hours = hours[~holes].reset_index(drop=True)
    unknown = (hours["symbol"] == "ETHUSDT") & (hours["open_time"] == UNKNOWN_VOLUME)
    hours.loc[unknown, ["volume", "quote_volume"]] = np.nan
    return hours


def write_history(hours: pd.DataFrame, folder: Path, seed: int = 0) -> dict[str, str]:
    """Write a history file of each symbol, its rows shuffled; return the files' URLs."""
    urls = {}
    for symbol, rows in hours.groupby("symbol"):
        mixed = rows.sample(frac=1.0, random_state=seed)
        opened = pa.array(mixed["open_time"].dt.as_unit("ms"), pa.timestamp("ms", tz="UTC"))
        figures = {name: pa.array(mixed[name], from_pandas=True) for name in FIGURES}
        file = folder / f"{symbol}.parquet"
        pq.write_table(pa.table({"open_time": opened, **figures}), file)
        urls[str(symbol)] = file.as_uri()
    return urls


def with_returns(hours: pd.DataFrame) -> pd.DataFrame:
    """Add `day`, `week` and `r`: log-return over the hour before, NaN where that is not there."""
    ordered = hours.sort_values(["symbol", "open_time"], ignore_index=True)
    by_symbol = ordered.groupby("symbol")
    follows = by_symbol["open_time"].diff() == HOUR
    r = np.log(ordered["close"] / by_symbol["close"].shift()).where(follows)
    day = ordered["open_time"].dt.floor("D")
    week = day - pd.to_timedelta(day.dt.weekday, unit="D")
    return ordered.assign(r=r, day=day, week=week)


def periods(hours: pd.DataFrame, period: str, step: pd.Timedelta) -> Rows:
    """Return the rows of `analysis_day` or `analysis_week`, by symbol and date."""
    found: Rows = {}
    for symbol, coin in with_returns(hours).groupby("symbol"):
        last: tuple[pd.Timestamp, float] | None = None
        for start, rows in coin.groupby(period):
            first_hour = coin["open_time"].min() if last is None else start
            end = min(start + step, UNTIL)
            figures: dict[str, Any] = {
                "open": rows["open"].iloc[0],
                "high": rows["high"].max(),
                "low": rows["low"].min(),
                "close": rows["close"].iloc[-1],
                "volume": rows["volume"].sum(skipna=False),
                "quote_volume": rows["quote_volume"].sum(skipna=False),
                "hours": len(rows),
                "absent": int((end - first_hour) / HOUR) - len(rows),
                "returns": int(rows["r"].count()),
                "simple_return": np.nan,
                "realised_volatility": np.sqrt((rows["r"] ** 2).sum())
                if rows["r"].count()
                else np.nan,
            }
            if last is not None and last[0] == start - step:
                figures["simple_return"] = figures["close"] / last[1] - 1
            if period == "week":
                figures["days"] = rows["day"].nunique()
            found[symbol, start.date()] = figures
            last = start, figures["close"]
    return found


def volatility(hours: pd.DataFrame) -> Rows:
    """Return the rows of `analysis_volatility`, by symbol and date."""
    found: Rows = {}
    for symbol, coin in with_returns(hours).groupby("symbol"):
        for day in coin["day"].unique():
            row: dict[str, Any] = {}
            for name, length in ROLLING.items():
                inside = (coin["day"] > day - length * DAY) & (coin["day"] <= day)
                r = coin.loc[inside, "r"].dropna()
                is_enough = len(r) >= 12 * length
                row[f"returns_{name}"] = len(r)
                row[f"volatility_{name}"] = (
                    np.sqrt((r**2).mean() * YEAR_HOURS) if is_enough else np.nan
                )
            found[symbol, day.date()] = row
    return found


def correlation(hours: pd.DataFrame) -> Rows:
    """Return the rows of `analysis_correlation`, by span, both symbols and date."""
    wide = with_returns(hours).pivot_table(index="open_time", columns="symbol", values="r")
    there = with_returns(hours).groupby("symbol")["day"].unique()
    found: Rows = {}
    for a, b in combinations(sorted(there.index), 2):
        pair = wide[[a, b]].dropna()
        days = sorted(set(there[a]) & set(there[b]))
        spans = [("30d", day, pair[_last_days(pair.index, day, 30)]) for day in days]
        spans += [("whole", day, pair) for day in days[-1:]]
        for span, day, common in spans:
            if len(common) >= LEAST_COMMON:
                value = np.corrcoef(common[a], common[b])[0, 1]
                found[span, a, b, day.date()] = {"returns": len(common), "correlation": value}
    return found


def patterns(hours: pd.DataFrame) -> Rows:
    """Return the rows of `analysis_pattern`, by symbol, weekday and hour of the day."""
    known = with_returns(hours)
    # a week of which an hour's volume is not known has no usual volume
    usual = known.groupby(["symbol", "week"])["volume"].transform(
        lambda volume: volume.mean() if volume.notna().all() else np.nan
    )
    known = known.assign(
        moved=known["r"].abs(),
        relative=known["volume"] / usual,
        weekday=known["open_time"].dt.weekday + 1,
        hour=known["open_time"].dt.hour,
    )
    return {
        key: {
            "returns": rows["moved"].count(),
            "mean_abs_return": rows["moved"].mean(),
            "volumes": rows["volume"].count(),
            "mean_volume": rows["volume"].mean(),
            "relative_volumes": rows["relative"].count(),
            "mean_relative_volume": rows["relative"].mean(),
        }
        for key, rows in known.groupby(["symbol", "weekday", "hour"])
    }


def check_equal(found: Rows, expected: Rows) -> None:
    """Demand the same keys and figures; NaN of the oracle is null in the table."""
    assert found.keys() == expected.keys()
    for key, figures in expected.items():
        assert found[key].keys() == figures.keys()
        for name, value in figures.items():
            told = found[key][name]
            if isinstance(value, float) and math.isnan(value):
                assert told is None, (key, name, told)
            else:
                assert told is not None, (key, name, value)
                assert float(told) == pytest.approx(value, rel=RELATIVE, abs=1e-12), (key, name)


def _last_days(index: pd.DatetimeIndex, day: pd.Timestamp, length: int) -> Any:
    return (index >= day - (length - 1) * DAY) & (index < day + DAY)
