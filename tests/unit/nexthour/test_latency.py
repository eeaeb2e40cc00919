import pytest

from nexthour.latency import latencies, percentile, summarise

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 10), (0.95, 19), (0.951, 20), (1.0, 20), (0.0, 1)]
)
def test_percentile_is_the_nearest_rank(share, expected):
    assert percentile(range(20, 0, -1), share) == expected


def test_summary_of_nothing_is_nothing():
    assert summarise([]) is None


def test_summary_counts_and_rounds():
    summary = summarise([0.12345, 2.0])
    assert (summary.count, summary.p50_s, summary.max_s) == (2, 0.123, 2.0)


def test_latency_only_where_the_exchange_sent_a_close():
    found = latencies({("A", 0): 1_000.0}, {("A", 0): 2.5, ("B", 0): 9.0})
    assert found == {("A", 0): 1.5}
