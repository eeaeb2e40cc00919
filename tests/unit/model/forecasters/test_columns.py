from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conf.names import HOUR_MS
from model.dataset import Windows
from model.forecasters.columns import COLUMNS, Column, column, table

pytestmark = pytest.mark.unit


def log_returns(panel: pd.DataFrame, symbol: str) -> pd.Series:
    hours = panel[panel["symbol"] == symbol].set_index("open_time_ms")
    return np.log(hours["close"]).diff()


@pytest.mark.parametrize("lag", [0, 3, 47])
def test_a_lag_counts_back_from_the_last_known_hour(
    all_rows: Windows, panel: pd.DataFrame, lag: int
) -> None:
    own = column(all_rows, Column("own_return", lag))
    lead = column(all_rows, Column("lead_return", lag))
    for row in (5, 1_000, 2_000):
        at = all_rows.open_time_ms[row] - lag * HOUR_MS
        step = log_returns(panel, all_rows.symbols[row])[at] / all_rows.sigma[row]
        assert own[row] == pytest.approx(np.clip(step, -8, 8), rel=1e-5)
        if all_rows.symbols[row] == "BTCUSDT":
            assert lead[row] == own[row]


def test_a_static_feature_is_found_by_name(all_rows: Windows) -> None:
    hour = (all_rows.open_time_ms // HOUR_MS + 1) % 24
    sine = column(all_rows, Column("target_hour_sin"))
    np.testing.assert_allclose(sine, np.sin(2 * np.pi * hour / 24), atol=1e-6)


def test_the_table_has_the_columns_in_order(all_rows: Windows) -> None:
    features = table(all_rows)
    assert features.shape == (len(all_rows.z), len(COLUMNS))
    assert len(set(COLUMNS)) == len(COLUMNS)
    for index, which in enumerate(COLUMNS):
        np.testing.assert_array_equal(features[:, index], column(all_rows, which))


@pytest.mark.parametrize(
    "which", [Column("open"), Column("own_return", 48), Column("own_return", -1)]
)
def test_what_a_row_does_not_have_is_an_error(all_rows: Windows, which: Column) -> None:
    with pytest.raises(ValueError, match="has no feature"):
        column(all_rows, which)
