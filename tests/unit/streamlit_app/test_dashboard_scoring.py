from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from streamlit_app import scoring

pytestmark = pytest.mark.unit

START = datetime(2026, 1, 1, tzinfo=UTC)


def frame(
    hours: int,
    model: float,
    naive: float,
    *,
    symbols: tuple[str, ...] = ("BTCUSDT", "ETHUSDT"),
    wobble: float = 0.0,
) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "symbol": symbol,
                "target_open_time": START + timedelta(hours=hour),
                "model_version": "v1",
                "verdict": "complete",
                "is_fallback": False,
                "in_band_90": hour % 10 != 0,
                "last_close": 100.0,
                "abs_error": model + (wobble if hour % 2 else -wobble),
                "naive_abs_error": naive,
            }
            for hour in range(hours)
            for symbol in symbols
        ]
    )


def test_score_is_relative_to_the_last_close_and_counts_hours_once() -> None:
    result = scoring.score(frame(20, 0.9, 1.0, wobble=0.1))
    assert result is not None
    assert (result.forecasts, result.hours) == (40, 20)
    assert result.error == pytest.approx(0.009)
    assert result.ratio == pytest.approx(0.9)
    assert result.coverage == pytest.approx(0.9)


def test_ten_coins_of_an_hour_are_one_witness() -> None:
    two = scoring.score(frame(50, 0.9, 1.0, wobble=0.5))
    ten = scoring.score(frame(50, 0.9, 1.0, wobble=0.5, symbols=tuple("ABCDEFGHIJ")))
    assert two is not None
    assert ten is not None
    assert ten.t == pytest.approx(two.t)


@pytest.mark.parametrize(
    ("hours", "model", "wobble", "said"),
    [
        (167, 0.5, 0.01, "too_few"),
        (168, 0.9, 0.01, "better"),
        (168, 1.1, 0.01, "worse"),
        (168, 0.99, 0.9, "no_better"),
    ],
)
def test_opinion_needs_hours_and_significance(
    hours: int, model: float, wobble: float, said: str
) -> None:
    assert scoring.opinion(scoring.score(frame(hours, model, 1.0, wobble=wobble))) == said


def test_a_model_that_always_says_the_last_price_is_no_better() -> None:
    assert scoring.opinion(scoring.score(frame(200, 1.0, 1.0))) == "no_better"


def test_no_rows_no_score() -> None:
    assert scoring.score(frame(0, 1, 1)) is None
    assert scoring.opinion(None) == "too_few"


def test_fallback_and_doubted_hours_do_not_count() -> None:
    rows = frame(4, 0.9, 1.0, symbols=("BTCUSDT",))
    rows["verdict"] = ["complete", "quiet", "partial", "disputed"]
    rows.loc[0, "is_fallback"] = True
    assert list(scoring.usable(rows)["verdict"]) == ["quiet"]


def test_stable_coin_stays_out_of_the_pool() -> None:
    rows = frame(3, 0.9, 1.0, symbols=("BTCUSDT", "USDCUSDT"))
    assert set(scoring.pooled(rows)["symbol"]) == {"BTCUSDT"}


def test_scores_keep_the_order_asked_for() -> None:
    rows = frame(3, 0.9, 1.0)
    found = scoring.by_symbol(rows, ["ETHUSDT", "SOLUSDT", "BTCUSDT"])
    assert list(found) == ["ETHUSDT", "BTCUSDT"]


def test_running_ratio_ends_at_the_total() -> None:
    rows = frame(10, 0.9, 1.0, wobble=0.3)
    ratios = scoring.running_ratio(rows)
    total = scoring.score(rows)
    assert total is not None
    assert len(ratios) == 10
    assert ratios["ratio"].iloc[-1] == pytest.approx(total.ratio)


def test_running_ratio_waits_for_the_first_move() -> None:
    rows = frame(3, 0.5, 1.0, symbols=("BTCUSDT",))
    rows["naive_abs_error"] = [0.0, 1.0, 1.0]
    assert list(scoring.running_ratio(rows)["target_open_time"]) == [
        START + timedelta(hours=1),
        START + timedelta(hours=2),
    ]
