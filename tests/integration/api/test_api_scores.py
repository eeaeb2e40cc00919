"""Forecasts, refusals and scores."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.documents.forecasts import ForecastPage
from api.documents.scores import RunningScorePage, ScoreList
from conf.names import Namespace
from conf.settings import DEFAULT_SYMBOLS, PostgresSettings
from streamlit_app import queries as dashboard
from streamlit_app import scoring
from streamlit_app.store import Store as DashboardStore
from tests.support import dashboard_data as data
from tests.support.api_data import (
    DAY,
    HOUR,
    SYMBOL,
    WRITTEN,
    candle,
    forecast,
    get,
    insert,
    refusal,
)
from tests.support.api_server import STABLE

pytestmark = pytest.mark.integration


def forecasts(client: TestClient, **params: object) -> list[dict[str, Any]]:
    return get(client, "/v1/forecasts", ForecastPage, **params)


def test_refusals_come_with_their_reasons(client: TestClient) -> None:
    newest = forecasts(client, symbol=data.REFUSED_SYMBOL, order="desc", limit=1)
    assert newest[0]["refusal_reason"] == data.REFUSAL_REASON
    assert newest[0]["q50"] is None
    only = forecasts(client, refusals="only")
    assert [row["symbol"] for row in only] == [data.REFUSED_SYMBOL]
    without = forecasts(client, refusals="exclude", limit=1000)
    assert len(without) + 1 == len(forecasts(client, limit=1000))


def test_forecasts_are_chosen_by_kind_and_version(own: TestClient, writer: Connection) -> None:
    insert(
        writer,
        "forecast",
        forecast(SYMBOL, DAY),
        forecast(SYMBOL, DAY, model_version="v2"),
        forecast(SYMBOL, DAY, kind="shadow", model_version="v3"),
        forecast("OTHER", DAY + HOUR),
    )
    insert(writer, "candle", candle(SYMBOL, DAY), candle("OTHER", DAY))

    def versions(**params: object) -> list[str]:
        return [row["model_version"] for row in forecasts(own, **params)]

    assert versions() == ["v1", "v2", "v1"]
    assert versions(symbol=SYMBOL) == ["v1", "v2"]
    assert versions(kind="shadow") == ["v3"]
    assert versions(model_version="v2") == ["v2"]
    assert versions(kind="backfill") == []
    assert versions(**{"from": "2025-03-01T01:00:00Z"}) == ["v1"]
    assert versions(until="2025-03-01T01:00:00Z") == ["v1", "v2"]
    answer = own.get("/v1/forecasts", params={"symbol": "NOSUCH"})
    assert answer.json()["error"]["code"] == "unknown_symbol"


def test_scores_agree_with_the_dashboards(
    client: TestClient, postgres: PostgresSettings, filled: Namespace
) -> None:
    found = {(row["symbol"], row["window"]): row for row in get(client, "/v1/scores", ScoreList)}
    store = DashboardStore(postgres, filled)
    with store.reading() as connection:
        rows = scoring.usable(dashboard.scores(connection, data.LIVE_START - data.HOUR))
    store.close()
    expected = {
        None: scoring.score(scoring.pooled(rows)),
        **scoring.by_symbol(rows, DEFAULT_SYMBOLS),
    }
    assert set(found) == {
        (symbol, window) for symbol in expected for window in ("24h", "7d", "30d", "90d")
    }
    for symbol, one in expected.items():
        row = found[symbol, "30d"]
        assert one is not None
        assert (row["forecasts"], row["hours"]) == (one.forecasts, one.hours)
        assert row["error"] == pytest.approx(one.error)
        assert row["naive_error"] == pytest.approx(one.naive_error)
        assert row["error_ratio"] == pytest.approx(one.error / one.naive_error)
        assert row["coverage_90"] == pytest.approx(one.coverage)
        if one.t is None:  # the median never left the last close
            assert row["gain_standard_error"] == 0
        else:
            assert row["gain"] / row["gain_standard_error"] == pytest.approx(one.t)


def test_scores_of_a_few_forecasts_by_hand(own: TestClient, writer: Connection) -> None:
    closes = [Decimal(101), Decimal(103), Decimal(97), Decimal(100)]  # forecast: 101 after 100
    insert(
        writer,
        "candle",
        *(candle(SYMBOL, DAY + n * HOUR, close=close) for n, close in enumerate(closes)),
        candle(SYMBOL, DAY + 4 * HOUR, verdict="disputed", reason="x"),
        candle(SYMBOL, DAY + 7 * HOUR),
    )
    insert(
        writer,
        "forecast",
        *(forecast(SYMBOL, DAY + n * HOUR) for n in range(5)),
        forecast(SYMBOL, DAY + 5 * HOUR),  # no candle
        refusal(SYMBOL, DAY + 6 * HOUR, "hour is not final"),
        forecast(SYMBOL, DAY + 7 * HOUR, is_fallback=True),
        # asked later: an hour counts as it was first made
        forecast(SYMBOL, DAY, model_version="v2", q50=Decimal(1), written_at=WRITTEN + HOUR),
    )
    pooled, row = get(own, "/v1/scores", ScoreList, window="24h")
    assert (pooled["symbol"], row["symbol"]) == (None, SYMBOL)
    assert {**pooled, "symbol": SYMBOL} == row, "all coins together are this one"
    assert (row["window_from"], row["window_until"]) == (
        "2025-02-28T08:00:00Z",
        "2025-03-01T08:00:00Z",
    )
    counts = [row[name] for name in ("forecasts", "hours", "refusals", "fallbacks", "unjudged")]
    assert counts == [4, 4, 1, 1, 2]
    assert row["error"] == pytest.approx((0 + 2 + 4 + 1) / 400)
    assert row["naive_error"] == pytest.approx((1 + 3 + 3 + 0) / 400)
    assert row["directional_accuracy"] == (1 + 1 + 0 + 0.5) / 4
    spread = (sum((hit - 0.625) ** 2 for hit in (1, 1, 0, 0.5)) / 3) ** 0.5
    assert row["directional_accuracy_standard_error"] == pytest.approx(spread / 2)
    assert row["coverage_90"] == 0.75
    assert row["coverage_50"] == 0.5
    (other,) = (
        one
        for one in get(own, "/v1/scores", ScoreList, model_version="v2")
        if one["window"] == "24h" and one["symbol"]
    )
    assert (other["forecasts"], other["error"]) == (1, 1.0)


def test_windows_end_with_the_newest_closed_hour_or_where_one_asks(
    own: TestClient, writer: Connection
) -> None:
    hours = range(30)
    insert(writer, "candle", *(candle(SYMBOL, DAY + n * HOUR) for n in hours))
    running = {"status": "provisional", "verdict": None}
    insert(writer, "candle", candle(SYMBOL, DAY + 30 * HOUR, **running))
    insert(writer, "forecast", *(forecast(SYMBOL, DAY + n * HOUR) for n in hours))

    def count(**params: object) -> list[tuple[str, int, str]]:
        found = get(own, "/v1/scores", ScoreList, symbol=SYMBOL, **params)
        return [(row["window"], row["forecasts"], row["window_until"]) for row in found]

    end = "2025-03-02T06:00:00Z"
    assert count(window=["7d", "24h"]) == [("7d", 30, end), ("24h", 24, end)]
    early = "2025-03-01T10:00:00Z"
    assert count(window="24h", until="2025-03-01T10:00:00Z") == [("24h", 10, early)]
    assert count(window="24h", until="2025-02-01T00:00:00Z") == []


def test_stable_coins_are_no_part_of_all_together(own: TestClient, writer: Connection) -> None:
    insert(writer, "candle", candle(SYMBOL, DAY), candle(STABLE[0], DAY))
    insert(writer, "forecast", forecast(SYMBOL, DAY), forecast(STABLE[0], DAY))
    found = get(own, "/v1/scores", ScoreList, window="24h")
    assert {row["symbol"]: row["forecasts"] for row in found} == {None: 1, SYMBOL: 1, STABLE[0]: 1}
    running = get(own, "/v1/scores/running", RunningScorePage, **{"from": "2025-03-01T00:00:00Z"})
    assert [row["forecasts"] for row in running] == [1]


def test_the_running_error_adds_up_hour_by_hour(own: TestClient, writer: Connection) -> None:
    closes = [Decimal(101), Decimal(103), Decimal(97)]
    rows = [candle(SYMBOL, DAY + n * HOUR, close=close) for n, close in enumerate(closes)]
    insert(writer, "candle", *rows)
    insert(writer, "forecast", *(forecast(SYMBOL, DAY + n * HOUR) for n in range(3)))
    start = {"from": "2025-03-01T00:00:00Z"}
    found = get(own, "/v1/scores/running", RunningScorePage, symbol=SYMBOL, **start)
    assert [row["forecasts"] for row in found] == [1, 2, 3]
    assert [row["error"] for row in found] == pytest.approx([0, 2 / 200, 6 / 300])
    assert [row["error_ratio"] for row in found] == pytest.approx([0, 2 / 4, 6 / 7])
    later = {"from": "2025-03-01T01:00:00Z", "until": "2025-03-01T02:00:00Z"}
    (row,) = get(own, "/v1/scores/running", RunningScorePage, symbol=SYMBOL, **later)
    assert (row["forecasts"], row["error"]) == (1, pytest.approx(0.02))
