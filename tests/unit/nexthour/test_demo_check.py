import pytest

from nexthour.demo_check import judge_dashboard

pytestmark = pytest.mark.unit

HOUR = "2026-01-01T03:00Z"
SEEN = {
    "is_healthy": True,
    "source": "synthetic × 180",
    "close_hours": {"BTCUSDT": HOUR, "ETHUSDT": "2026-01-01T04:00Z"},
    "median_hours": {"BTCUSDT": "2026-01-01T04:00Z", "ETHUSDT": "2026-01-01T05:00Z"},
    "errors": [],
}


def judge(**changed):
    return judge_dashboard({**SEEN, **changed}, ("BTCUSDT", "ETHUSDT"), HOUR, "synthetic × 180")


def test_all_shown_is_no_problem():
    check = judge()
    assert check.problems == []
    assert check.symbols_with_candle == check.symbols_with_forecast == ["BTCUSDT", "ETHUSDT"]


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"is_healthy": False}, "health"),
        ({"source": None}, "where its prices come from"),
        ({"source": "live"}, "where its prices come from"),
        ({"close_hours": {"ETHUSDT": HOUR}}, "no candle of BTCUSDT"),
        (
            {"close_hours": {"BTCUSDT": "2026-01-01T02:00Z", "ETHUSDT": HOUR}},
            "no candle of BTCUSDT",
        ),
        (
            {"median_hours": {"BTCUSDT": HOUR, "ETHUSDT": "2026-01-01T04:00Z"}},
            "no forecast of BTCUSDT",
        ),
        ({"errors": ["boom"]}, "boom"),
    ],
)
def test_what_is_not_shown_is_named(changed, problem):
    (line,) = judge(**changed).problems
    assert problem in line
