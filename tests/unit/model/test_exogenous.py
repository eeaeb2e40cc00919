"""A column from outside of the market: one example through features, windows, fit and evaluation."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.names import HOUR_MS
from model.evaluation.hours import HoursError, read_hours
from model.evaluation.rows import make_rows
from model.evaluation.settings import EvaluationSettings
from model.exogenous import ExogenousError, read_column, with_columns
from model.feature_spec import STATIC_NAMES, VOLATILITY_HOURS, FeatureSpec
from model.features import build_rows
from model.forecasters.boosting import GradientBoosting
from tests.support.model_history import START_MS, random_panel
from tests.support.walks import write_folder

pytestmark = pytest.mark.unit

COINS = ("BTCUSDT", "ETHUSDT")
SPEC = FeatureSpec(COINS, exogenous=("mood",))
VALUE, MASK = len(STATIC_NAMES), len(STATIC_NAMES) + 1
HOURS = 900


def column_file(hours: np.ndarray, values: np.ndarray, symbols: list[str] | None = None) -> bytes:
    times = pa.array((START_MS + hours * HOUR_MS).astype("int64"), pa.timestamp("ms", tz="UTC"))
    columns = {"open_time": times, "value": pa.array(values, pa.float64())}
    if symbols:
        columns["symbol"] = pa.array(symbols)
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def mood(scale: float = 1.0, offset: float = 0.0) -> bytes:
    hours = np.arange(HOURS)
    known = hours % 50 != 7  # an hour in which nothing was published
    values = np.random.default_rng(3).normal(size=HOURS).cumsum()
    return column_file(hours[known], offset + scale * values[known])


def static_rows(panel: pd.DataFrame, hours: list[int]) -> np.ndarray:
    rows = build_rows(panel, COINS, [START_MS + h * HOUR_MS for h in hours], spec=SPEC)
    return np.stack(rows["static"].tolist())


@pytest.fixture(scope="module")
def market() -> pd.DataFrame:
    return random_panel(COINS, hours=HOURS, reversal=0.3)


def test_a_value_is_its_distance_from_two_weeks_in_their_deviations(market: pd.DataFrame) -> None:
    frame = read_column("mood", mood())
    static = static_rows(with_columns(market, {"mood": frame}), [600])
    window = frame[
        (frame["open_time_ms"] > START_MS + (600 - VOLATILITY_HOURS) * HOUR_MS)
        & (frame["open_time_ms"] <= START_MS + 600 * HOUR_MS)
    ]["value"]
    expected = (window.iloc[-1] - window.mean()) / window.std(ddof=0)
    np.testing.assert_allclose(static[:, VALUE], expected, rtol=1e-5)
    assert (static[:, MASK] == 1).all()


def test_its_scale_and_its_zero_do_not_matter(market: pd.DataFrame) -> None:
    """A hash rate of 10²⁰ and a mood of 50 are the same feature."""
    plain, huge = (
        static_rows(with_columns(market, {"mood": read_column("mood", one)}), [500, 700])
        for one in (mood(), mood(1e9, 1e14))
    )
    np.testing.assert_allclose(plain[:, VALUE], huge[:, VALUE], atol=1e-2)


def test_where_there_is_no_value_it_is_masked(market: pd.DataFrame) -> None:
    with_mood = with_columns(market, {"mood": read_column("mood", mood())})
    static = static_rows(with_mood, [607])  # 607 % 50 == 7
    assert (static[:, [VALUE, MASK]] == 0).all()
    absent = static_rows(market, [600])  # no file at all
    assert (absent[:, [VALUE, MASK]] == 0).all()


def test_the_other_features_are_what_they_were(market: pd.DataFrame) -> None:
    at = [START_MS + 600 * HOUR_MS]
    with_mood = with_columns(market, {"mood": read_column("mood", mood())})
    own = build_rows(with_mood, COINS, at, spec=SPEC)
    plain = build_rows(market, COINS, at, spec=FeatureSpec(COINS))
    for with_it, without in zip(own["static"], plain["static"], strict=True):
        np.testing.assert_array_equal(np.delete(with_it, [VALUE, MASK]), without)
    assert not set(own["feature_hash"]) & set(plain["feature_hash"])


def test_what_is_published_later_changes_nothing_before(market: pd.DataFrame) -> None:
    frame = read_column("mood", mood())
    later = frame.assign(
        value=frame["value"].where(frame["open_time_ms"] <= START_MS + 600 * HOUR_MS, 1e9)
    )
    first, second = (
        static_rows(with_columns(market, {"mood": one}), [599, 600]) for one in (frame, later)
    )
    np.testing.assert_array_equal(first, second)


def test_a_column_may_differ_by_coin(market: pd.DataFrame) -> None:
    hours = np.tile(np.arange(HOURS), 2)
    values = np.concatenate([np.arange(HOURS), -np.arange(HOURS)]).astype(float)
    content = column_file(hours, values, ["BTCUSDT"] * HOURS + ["ETHUSDT"] * HOURS)
    static = static_rows(with_columns(market, {"mood": read_column("mood", content)}), [600])
    assert static[0, VALUE] == -static[1, VALUE] > 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (column_file(np.array([0.5]), np.array([1.0])), "one full hour"),
        (column_file(np.array([1, 1]), np.array([1.0, 2.0])), "each hour once"),
    ],
)
def test_what_is_no_hourly_column_is_one_line(content: bytes, said: str) -> None:
    with pytest.raises(ExogenousError, match=said):
        read_column("mood", content)


def test_a_file_without_zone_or_value_is_one_line() -> None:
    for table, said in (
        (pa.table({"open_time": pa.array([0], pa.timestamp("ms", tz="UTC"))}), "lacks value"),
        (pa.table({"open_time": pa.array([0], pa.timestamp("ms")), "value": [1.0]}), "time zone"),
    ):
        sink = io.BytesIO()
        pq.write_table(table, sink)
        with pytest.raises(ExogenousError, match=said):
            read_column("mood", sink.getvalue())


def test_evaluated_with_it_a_model_knows_what_the_market_does_not(tmp_path: Path) -> None:
    """The column tells the sign of the next hour: LightGBM finds it, and only with the column."""
    panel = random_panel(COINS, hours=4000, seed=5)
    closes = panel[panel["symbol"] == "BTCUSDT"]["close"].to_numpy()
    tells = np.sign(np.diff(np.log(closes)))
    folder = write_folder(tmp_path, panel, COINS)
    (folder / "exogenous").mkdir()
    content = column_file(np.arange(len(tells)), tells)
    (folder / "exogenous" / "oracle-1h.parquet").write_bytes(content)

    def correlation(names: tuple[str, ...]) -> float:
        settings = EvaluationSettings(exogenous=names)
        hours = read_hours(folder, names)
        rows = make_rows(hours, START_MS + 400 * HOUR_MS, START_MS + 3999 * HOUR_MS, settings)
        known = np.flatnonzero((rows.feature >= 0) & np.isfinite(rows.z) & (rows.coin == 0))
        train, test = known[:3000], known[3000:]
        fitted = GradientBoosting(trees=40).fit(
            rows.windows(train, with_targets=True), rows.windows(test, with_targets=True), 1
        )
        median = fitted.quantiles(rows.windows(test, with_targets=False))[:, 2]
        return float(np.corrcoef(np.sign(rows.z[test]), median)[0, 1])

    assert correlation(("oracle",)) > 0.9
    assert abs(correlation(())) < 0.2
    assert read_hours(folder, ("oracle",)).digest(2**60) != read_hours(folder).digest(2**60)
    with pytest.raises(HoursError, match="cannot be read"):
        read_hours(folder, ("nothing",))
