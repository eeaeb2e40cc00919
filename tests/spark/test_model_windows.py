"""The windows that Spark makes in chunks are those of one batch, each once, with the right part."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from conf.model import ModelSettings
from model.dataset import read_windows
from model.features import FeatureSpec, build_rows
from model.windows import windows_frame, write_windows
from model.windows_plan import PARTS, WindowsPlan
from tests.support.model_history import COINS, history_table, plan_of, random_panel

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

SPEC = FeatureSpec(COINS)
SETTINGS = ModelSettings(chunk_hours=300, rows_per_group=500)
HOURS = 45 * 24


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    """With missing hours and a coin that begins late."""
    panel = random_panel(hours=HOURS)
    rng = np.random.default_rng(4)
    first = panel["open_time_ms"].min()
    late = (panel["symbol"] == "DOGEUSDT") & (panel["open_time_ms"] < first + 400 * 3_600_000)
    return panel[(rng.random(len(panel)) > 0.002) & ~late]


@pytest.fixture(scope="module")
def plan(panel: pd.DataFrame) -> WindowsPlan:
    return plan_of(panel, SETTINGS)


@pytest.fixture(scope="module")
def snapshot(
    spark: SparkSession,
    panel: pd.DataFrame,
    plan: WindowsPlan,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("history")
    paths = {}
    for symbol in COINS:
        paths[symbol] = str(folder / f"{symbol}-1h.parquet")
        pq.write_table(history_table(panel, symbol), paths[symbol])
    write_windows(windows_frame(spark, paths, SPEC, plan), str(folder / "w"), SPEC, SETTINGS)
    return folder / "w"


@pytest.fixture(scope="module")
def expected(panel: pd.DataFrame, plan: WindowsPlan) -> pd.DataFrame:
    hours = [hour for chunk in range(plan.chunks) for hour in plan.chunk_hours_ms(chunk)]
    rows = build_rows(panel, COINS, hours, spec=SPEC)
    return rows[rows["is_usable"] & rows["target_z"].notna()]


def test_parts_hold_what_one_batch_gives_bit_for_bit(
    snapshot: Path, expected: pd.DataFrame, plan: WindowsPlan
) -> None:
    assert sorted(path.name for path in snapshot.glob("part=*")) == sorted(
        f"part={part}" for part in PARTS
    )
    for part in PARTS:
        family, split = part.split("-")
        windows = read_windows(snapshot / f"part={part}", SPEC)
        known = expected[
            (expected["symbol"].isin(SPEC.stable) == (family == "stable"))
            & (expected["open_time_ms"].map(plan.split) == split)
        ].sort_values(["open_time_ms", "coin"])
        assert len(known) > 100
        np.testing.assert_array_equal(windows.open_time_ms, known["open_time_ms"])
        np.testing.assert_array_equal(windows.symbols, known["symbol"])
        np.testing.assert_array_equal(windows.sigma, known["sigma"])
        np.testing.assert_array_equal(windows.last_close, known["last_close"])
        np.testing.assert_array_equal(windows.z, known["target_z"].astype("float32"))
        np.testing.assert_array_equal(
            windows.inputs["sequence"].reshape(len(known), -1), np.stack(known["sequence"])
        )
        static = np.concatenate([windows.inputs["static"], windows.inputs["connected"]], axis=1)
        np.testing.assert_array_equal(static, np.stack(known["static"]))


def test_row_groups_are_of_the_set_size_and_in_no_order_of_time(snapshot: Path) -> None:
    files = sorted((snapshot / "part=volatile-train").glob("*.parquet"))
    sizes, times = [], []
    for path in files:
        file = pq.ParquetFile(path)
        sizes += [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        times.append(file.read(["open_time_ms"])["open_time_ms"].to_numpy())
    assert max(sizes) <= 1000
    assert len(sizes) >= 3
    for values in times:
        assert abs(np.corrcoef(np.arange(len(values)), values)[0, 1]) < 0.2
