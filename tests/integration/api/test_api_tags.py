"""Tags: a page that a client holds costs nothing, and one that changed is never taken for it."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.memo import StampMemo
from api.params import CandleQuery
from api.queries.base import Stamped
from api.queries.candles import CandlePageQuery
from api.store import Store
from conf.api import ApiSettings
from conf.connections.postgres import connect
from conf.names import Namespace
from conf.settings import PostgresSettings
from tests.support import dashboard_data as data
from tests.support.api_data import DAY, HOUR, SYMBOL, WRITTEN, add, candle, forecast, insert
from tests.support.api_server import api_client

pytestmark = pytest.mark.integration

TAGGED = [
    "/v1/symbols",
    "/v1/candles?symbol=ETHUSDT",
    "/v1/candles?symbol=ETHUSDT&revision=all",
    "/v1/candles?symbol=ETHUSDT&interval=4h",
    "/v1/forecasts?limit=10",
    "/v1/scores",
    "/v1/scores/running?from=2026-01-01T00:00:00Z",
    "/v1/models",
    f"/v1/models/{data.VERSION}",
    "/v1/incidents",
]


@pytest.mark.parametrize("path", TAGGED)
def test_a_page_that_a_client_holds_is_not_sent_again(client: TestClient, path: str) -> None:
    first = client.get(path)
    tag = first.headers["etag"]
    assert first.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"If-None-Match": f'"x", {tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = client.get(path, headers={"If-None-Match": '"x"'})
    assert (other.status_code, other.content) == (200, first.content)


def test_a_tag_is_private_where_a_key_is_needed(
    postgres: PostgresSettings, filled: Namespace
) -> None:
    with api_client(postgres, filled, key="k") as client:
        answer = client.get("/v1/symbols", headers={"X-API-Key": "k"})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "private, no-cache")


def test_a_not_modified_page_reads_no_rows(
    postgres: PostgresSettings, filled: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with api_client(postgres, filled) as client:
        tag = client.get("/v1/candles?symbol=ETHUSDT").headers["etag"]
        monkeypatch.delattr(CandlePageQuery, "rows")
        headers = {"If-None-Match": tag}
        assert client.get("/v1/candles?symbol=ETHUSDT", headers=headers).status_code == 304


def tag_of(client: TestClient, path: str) -> str:
    return str(client.get(path).headers["etag"])


CANDLE_PATHS = {
    "hours": f"/v1/candles?symbol={SYMBOL}&until=2025-03-01T04:00:00Z",
    "page": f"/v1/candles?symbol={SYMBOL}&limit=2",
    "all": f"/v1/candles?symbol={SYMBOL}&until=2025-03-01T04:00:00Z&revision=all",
    "bars": f"/v1/candles?symbol={SYMBOL}&until=2025-03-01T04:00:00Z&interval=4h",
    "known": f"/v1/candles?symbol={SYMBOL}&as_known_at=2025-03-05T12:00:00Z",
    "provisional": f"/v1/candles?symbol={SYMBOL}&provisional=true",
}


@pytest.mark.parametrize(
    ("rows", "changed"),
    [
        (
            [candle(SYMBOL, DAY + HOUR, revision=2)],
            {"hours", "page", "all", "bars", "known", "provisional"},
        ),
        (
            [candle(SYMBOL, DAY + HOUR, revision=2, updated_at=WRITTEN + HOUR)],
            {"hours", "page", "all", "bars", "provisional"},
        ),
        ([candle(SYMBOL, DAY + 5 * HOUR)], {"known", "provisional"}),
        (
            [candle(SYMBOL, DAY + 5 * HOUR, status="provisional", verdict=None)],
            {"provisional"},
        ),
        ([candle("OTHER", DAY)], set()),
    ],
)
def test_a_tag_changes_if_and_only_if_something_of_the_page_does(
    own: TestClient, writer: Connection, rows: list[dict[str, Any]], changed: set[str]
) -> None:
    insert(writer, "candle", *(candle(SYMBOL, DAY + n * HOUR) for n in range(5)))
    before = {name: own.get(path) for name, path in CANDLE_PATHS.items()}
    insert(writer, "candle", *rows)
    after = {name: own.get(path) for name, path in CANDLE_PATHS.items()}
    for name in CANDLE_PATHS:
        is_same = before[name].headers["etag"] == after[name].headers["etag"]
        assert is_same == (name not in changed), name
        if is_same:
            assert before[name].content == after[name].content


def test_a_row_that_is_replaced_in_place_changes_the_tag_even_behind_a_later_one(
    own: TestClient, writer: Connection
) -> None:
    insert(writer, "candle", candle(SYMBOL, DAY), candle(SYMBOL, DAY + HOUR))
    path = f"/v1/candles?symbol={SYMBOL}"
    before = tag_of(own, path)
    with writer, writer.cursor() as cursor:
        cursor.execute(
            "UPDATE candle SET trades = 11, updated_at = updated_at - interval '1 hour' "
            "WHERE symbol = %s AND open_time = %s",
            (SYMBOL, DAY),
        )
    assert tag_of(own, path) != before


def test_tags_of_bars_change_when_a_bar_is_over(own: TestClient, writer: Connection) -> None:
    insert(writer, "candle", *(candle(SYMBOL, DAY + n * HOUR) for n in range(2)))
    path = f"/v1/candles?symbol={SYMBOL}&interval=4h&until=2025-03-01T04:00:00Z"
    before = own.get(path)
    assert before.json()["data"] == []
    insert(writer, "candle", candle(SYMBOL, DAY + 4 * HOUR, status="provisional", verdict=None))
    after = own.get(path)
    assert len(after.json()["data"]) == 1
    assert before.headers["etag"] != after.headers["etag"]


def test_tags_of_the_other_lists_change_with_them(own: TestClient, writer: Connection) -> None:
    insert(writer, "candle", candle(SYMBOL, DAY))
    insert(writer, "forecast", forecast(SYMBOL, DAY))
    paths = {
        "forecasts": "/v1/forecasts",
        "scores": "/v1/scores",
        "running": "/v1/scores/running?from=2025-03-01T00:00:00Z",
        "incidents": "/v1/incidents",
    }
    before = {name: tag_of(own, path) for name, path in paths.items()}
    insert(writer, "candle", candle(SYMBOL, DAY, revision=2))
    repaired = {name: tag_of(own, path) for name, path in paths.items()}
    assert {name for name in paths if before[name] != repaired[name]} == {"scores", "running"}
    insert(writer, "forecast", forecast(SYMBOL, DAY + HOUR))
    insert(writer, "incident", {"kind": "halted", "started_at": DAY})
    after = {name: tag_of(own, path) for name, path in paths.items()}
    assert after["forecasts"] != before["forecasts"]
    assert after["incidents"] != before["incidents"]


class Counted(CandlePageQuery):
    """A page that counts how often its stamp is made."""

    stamps = 0

    def stamped(self, connection: Connection) -> Stamped:
        self.stamps += 1
        return super().stamped(connection)


def test_a_stamp_is_made_anew_only_after_something_was_written(
    postgres: PostgresSettings, namespace: Namespace, writer: Connection
) -> None:
    store = Store(postgres, namespace, ApiSettings())
    memo = StampMemo(kept=2)
    query = Counted(CandleQuery.model_validate({"symbol": SYMBOL}))

    def stamp(page: str = "a") -> str:
        return store.glance(lambda connection: memo.stamped(connection, page, query)).stamp

    first = stamp()
    assert [stamp(), stamp(), query.stamps] == [first, first, 1]
    open_still = connect(postgres, namespace)
    with open_still.cursor() as cursor:
        add(cursor, "candle", candle(SYMBOL, DAY))
    assert stamp() == first, "not committed"
    open_still.commit()
    open_still.close()
    second = stamp()
    assert second != first
    before = query.stamps
    for page in ("a", "b", "c", "a"):
        assert stamp(page) == second
    assert query.stamps == before + 3, "the page asked for longest ago was forgotten"
    store.close()


def test_a_server_of_other_settings_has_other_tags(
    postgres: PostgresSettings, filled: Namespace, client: TestClient
) -> None:
    with api_client(postgres, filled, max_rows=100) as other:
        path = "/v1/forecasts"
        assert len(other.get(path).json()["data"]) == 100 < len(client.get(path).json()["data"])
        assert tag_of(other, path) != tag_of(client, path)


def test_another_source_is_another_page(own: TestClient, writer: Connection) -> None:
    before = tag_of(own, "/v1/symbols")
    with writer, writer.cursor() as cursor:
        cursor.execute("UPDATE run_info SET source_label = 'replay'")
    answer = own.get("/v1/symbols")
    assert answer.json()["source"]["source_label"] == "replay"
    assert answer.headers["etag"] != before
