"""Overview and coin: what a page shows of candles and forecasts."""

from __future__ import annotations

from decimal import Decimal

import pytest
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from streamlit_app import formatting, probe
from streamlit_app.intervals import DAILY, FOUR_HOURS, HOURLY
from streamlit_app.queries import bars as bar_queries
from streamlit_app.queries import overview as overview_queries
from streamlit_app.store import Store
from tests.support import dashboard_data as data
from tests.support.dashboard_pages import bodies, fields, open_app

pytestmark = pytest.mark.integration


@pytest.mark.usefixtures("namespace")
def test_overview_shows_ten_coins_with_close_median_and_band(writer: Connection) -> None:
    texts = fields(open_app())
    with writer.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (symbol) symbol, close FROM candle_current WHERE status = 'final' "
            "ORDER BY symbol, open_time DESC"
        )
        closes = dict(cursor.fetchall())
        cursor.execute(
            "SELECT DISTINCT ON (symbol) symbol, q50 FROM forecast ORDER BY symbol, target_open_time DESC"
        )
        medians = dict(cursor.fetchall())
    assert set(closes) == set(DEFAULT_SYMBOLS)
    for symbol in DEFAULT_SYMBOLS:
        assert formatting.price_number(texts[symbol, "close"]) == closes[symbol]
        if symbol == data.REFUSED_SYMBOL:
            assert texts[symbol, "refusal"] == f"refused: {data.REFUSAL_REASON}"
        else:
            assert formatting.price_number(texts[symbol, "median"]) == medians[symbol]
            assert "–" in texts[symbol, "band"]
    assert texts[None, "source"] == "synthetic × 180"
    assert "not trading advice" in texts[None, "note"]
    assert "≈ 2026-01-02 06:" in texts[None, "exchange-time"]


@pytest.mark.usefixtures("namespace")
def test_overview_strip_tells_hole_quiet_disputed_and_revised_apart() -> None:
    page = open_app()
    strips = {
        symbol: body
        for body in (element.proto.body for element in page.get("html"))
        for symbol in DEFAULT_SYMBOLS
        if f'data-symbol="{symbol}"' in body
    }
    odd, plain = strips[data.ODD_SYMBOL], strips["BTCUSDT"]
    for kind in ("hole", "quiet", "disputed", "complete revised"):
        assert f'class="{kind}"' in odd
        assert f'class="{kind}"' not in plain
    assert data.DISPUTED_REASON in odd


@pytest.mark.usefixtures("namespace")
def test_coin_page_marks_each_odd_hour_with_its_reason() -> None:
    page = open_app("coin", symbol=data.ODD_SYMBOL, tz="Asia/Tokyo")
    text = bodies(page)
    assert "2026-01-02 00:00 Asia/Tokyo · 2026-01-01 15:00 UTC" in text
    for words in (
        data.DISPUTED_REASON,
        "hole: no candle",
        "quiet: nobody traded",
        "revision 2",
        "begins inside",
    ):
        assert words in text
    chart = page.get("vega_lite_chart")
    assert len(chart) == 1
    assert "not trading advice" in text


@pytest.mark.usefixtures("namespace")
def test_coin_page_survives_an_address_that_somebody_made_up() -> None:
    page = open_app("coin", symbol="NOSUCH", tz="Mars/Olympus", range="9 lives")
    assert "BTC in USDT" in bodies(page)


def test_candles_show_the_current_revision_once(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    store = Store(postgres, namespace)
    with store.reading() as connection:
        rows = bar_queries.bars(
            connection, data.ODD_SYMBOL, HOURLY, data.LIVE_START, data.LIVE_START + 2 * DAILY.step
        )
    store.close()
    times = [row.open_time for row in rows]
    assert times == sorted(set(times))
    assert data.HOLE not in times
    assert {row.open_time: row.revision for row in rows}[data.REVISED] == 2


def test_a_forecast_is_shown_as_it_was_first_made(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    with writer, writer.cursor() as cursor:
        cursor.execute(
            "INSERT INTO forecast SELECT symbol, target_open_time, 'later', kind, as_of_open_time, "
            "issued_at, last_close, 1, 1, 1, 1, 1, is_fallback, refusal_reason, input_verdict, mask, "
            "feature_hash, clock_timestamp() FROM forecast WHERE symbol = 'BTCUSDT'"
        )
    store = Store(postgres, namespace)
    with store.reading() as connection:
        rows = bar_queries.forecasts(
            connection, "BTCUSDT", data.LIVE_START, data.LIVE_START + 2 * DAILY.step
        )
        newest = {coin.info.symbol: coin.forecast for coin in overview_queries.overview(connection)}
    store.close()
    assert len(rows) == data.LIVE_HOURS - 1  # the first hour had none
    assert {row.model_version for row in rows} == {data.VERSION}
    assert newest["BTCUSDT"] is not None
    assert newest["BTCUSDT"].q50 != Decimal(1)


@pytest.mark.usefixtures("namespace")
def test_probe_reports_what_the_page_shows() -> None:
    found = probe.probe("http://127.0.0.1:9")
    assert not found.is_healthy
    assert set(found.closes) == set(DEFAULT_SYMBOLS)
    assert set(found.medians) == set(DEFAULT_SYMBOLS) - {data.REFUSED_SYMBOL}
    assert set(found.refusals) == {data.REFUSED_SYMBOL}
    assert set(found.close_hours.values()) == {"2026-01-02T05:00Z"}
    assert set(found.median_hours.values()) == {"2026-01-02T06:00Z"}
    assert found.errors == ()
    assert not found.is_complete(DEFAULT_SYMBOLS)


def test_longer_bars_add_up_and_count_what_is_odd(
    postgres: PostgresSettings, namespace: Namespace
) -> None:
    store = Store(postgres, namespace)
    until = data.LIVE_START + 2 * DAILY.step
    with store.reading() as connection:
        hours = bar_queries.bars(connection, data.ODD_SYMBOL, HOURLY, data.LIVE_START, until)
        days = bar_queries.bars(connection, data.ODD_SYMBOL, DAILY, data.LIVE_START, until)
        quarter = bar_queries.bars(connection, "BTCUSDT", FOUR_HOURS, data.LIVE_START, until)
        scores = bar_queries.bar_scores(connection, data.ODD_SYMBOL, DAILY, data.LIVE_START, until)
    store.close()
    first = [hour for hour in hours if hour.open_time < data.LIVE_START + DAILY.step]
    assert [day.hours for day in days] == [23, 7]
    assert (days[0].partial, days[0].quiet, days[0].disputed, days[0].revised) == (1, 1, 1, 1)
    assert days[0].open == first[0].open
    assert days[0].close == first[-1].close
    assert days[0].high == max(hour.high for hour in first if hour.high is not None)
    assert days[0].low == min(hour.low for hour in first if hour.low is not None)
    assert days[0].volume == sum(hour.volume for hour in first if hour.volume is not None)
    assert days[0].trades == sum(hour.trades for hour in first if hour.trades is not None)
    assert [day.is_running for day in days] == [False, True]
    assert [bar.hours for bar in quarter] == [4] * 7 + [3]
    assert [score.forecasts for score in scores] == [20, 6]
    assert all(score.inside_50 <= score.inside_90 <= score.forecasts for score in scores)


@pytest.mark.usefixtures("namespace")
@pytest.mark.parametrize("bars", ["1 hour", "4 hours", "1 day", "1 week"])
def test_coin_page_draws_bars_of_every_length(bars: str) -> None:
    page = open_app("coin", symbol=data.ODD_SYMBOL, range="all", bars=bars, indicators="RSI")
    assert len(page.get("vega_lite_chart")) == 1
    assert "to look at twice" in bodies(page)
    assert ("in the tooltip" in bodies(page)) is (bars != "1 hour")
