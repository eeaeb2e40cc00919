from dataclasses import replace
from decimal import Decimal

import pytest

from conf.names import HOUR_MS
from streaming.forecasts.history_cache import PANEL_COLUMNS, CachedHour, HistoryCache

pytestmark = pytest.mark.unit

FIRST = 490_000 * HOUR_MS


def hour(n, symbol="BTCUSDT", revision=1, close="100.10", is_valid=True):
    return CachedHour(
        symbol, FIRST + n * HOUR_MS, revision, 1.0, 2.0, 0.5, Decimal(close), 3.0, is_valid
    )


def cache_of(*rows, hours=3):
    cache = HistoryCache(("BTCUSDT", "ETHUSDT"), hours)
    cache.append(rows)
    return cache


def test_tail_is_bounded_per_symbol():
    cache = cache_of(*(hour(n, symbol) for n in range(10) for symbol in ("BTCUSDT", "ETHUSDT")))

    assert len(cache) == 6
    assert cache.hour("BTCUSDT", FIRST + 6 * HOUR_MS) is None
    assert cache.hour("BTCUSDT", FIRST + 7 * HOUR_MS) == hour(7)


def test_higher_revision_replaces_and_a_lower_one_does_not():
    cache = cache_of(hour(0, revision=2, close="101"), hour(0, revision=1, close="99"))

    assert cache.hour("BTCUSDT", FIRST) == hour(0, revision=2, close="101")
    cache.append([hour(0, revision=3, close="102")])
    assert cache.hour("BTCUSDT", FIRST) == hour(0, revision=3, close="102")
    assert len(cache) == 1


def test_panel_ends_at_the_hour_asked_for():
    cache = cache_of(hour(0), hour(1), replace(hour(2), is_valid=False))

    panel = cache.panel(FIRST + HOUR_MS)

    assert list(panel.columns) == PANEL_COLUMNS
    assert panel["open_time_ms"].tolist() == [FIRST, FIRST + HOUR_MS]
    assert panel["close"].dtype == "float64"


def test_hour_without_a_price_is_nan_in_the_panel():
    empty = replace(hour(0), open=None, high=None, low=None, close=None, is_valid=False)

    panel = cache_of(empty).panel(FIRST)

    assert panel["close"].isna().all()
    assert not panel["is_valid"].any()


def test_empty_cache_gives_an_empty_panel():
    assert len(HistoryCache(("BTCUSDT",), 3).panel(FIRST)) == 0
