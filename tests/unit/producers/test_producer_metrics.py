"""What is counted is served, and survives a new session."""

from __future__ import annotations

import socket

import httpx
import pytest

from conf.names import HOUR_MS
from producers.errors import StartupError
from producers.messages import Trade
from producers.metrics import metrics_server
from producers.questions import Policy, Start
from producers.sequence import Sequencer
from producers.totals import Totals

pytestmark = pytest.mark.unit

H0 = 470_000 * HOUR_MS


def sequencer(symbol: str, last_id: int, trades: int) -> Sequencer:
    made = Sequencer(symbol, Policy(), Start(last_id, H0, H0, last_id + 1))
    for trade_id in range(last_id + 1, last_id + 1 + trades):
        made.on_trade(Trade(symbol, trade_id, 1, 1, True, H0 + trade_id, H0, H0, "STREAM"))
    return made


def test_counts_of_sessions_add_up_and_gauges_show_the_last_one() -> None:
    totals = Totals()
    totals.start_session([sequencer("BTCUSDT", 0, 3), sequencer("ETHUSDT", 7, 2)])
    totals.start_session([sequencer("BTCUSDT", 3, 4), sequencer("ETHUSDT", 9, 0)])
    rows = totals.by_symbol()
    assert [rows[s]["trades_published"] for s in ("BTCUSDT", "ETHUSDT")] == [7, 2]
    assert [rows[s]["last_trade_id"] for s in ("BTCUSDT", "ETHUSDT")] == [7, 9]
    assert rows["BTCUSDT"]["last_trade_time_ms"] == H0 + 7
    assert totals.summary()["trades_received"] == 9


def test_metrics_and_health_are_served() -> None:
    totals = Totals()
    totals.start_session([sequencer("BTCUSDT", 0, 3)])
    totals.sink.dead_by_reason["bad_price"] = 2
    healthy = [True]
    with metrics_server(0, totals, lambda: healthy[0]) as server:
        url = f"http://127.0.0.1:{server.port}"
        lines = httpx.get(f"{url}/metrics").text.splitlines()
        assert 'nexthour_producer_trades_published_total{symbol="BTCUSDT"} 3.0' in lines
        assert 'nexthour_producer_dead_letters_total{reason="bad_price"} 2.0' in lines
        for name in ("trades_received", "duplicates", "gaps_filled", "gap_ids"):
            assert any(line.startswith(f"nexthour_producer_{name}_total{{") for line in lines)
        assert httpx.get(f"{url}/healthz").status_code == 200
        healthy[0] = False
        assert httpx.get(f"{url}/healthz").status_code == 503
        assert httpx.get(f"{url}/other").status_code == 404
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/healthz")


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StartupError, match=rf"port {port} .* NEXTHOUR_PRODUCER_METRICS_PORT"):
            metrics_server(port, Totals(), lambda: True)
