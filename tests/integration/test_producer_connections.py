"""Connections that are renewed, announced to end, dead; symbols that are delisted; other hosts."""

from __future__ import annotations

from pathlib import Path

import pytest

from conf.contracts.incidents import Incident, IncidentKind, decode_incident
from tests.support.bundle import Bundle
from tests.support.eventually import eventually
from tests.support.producer_runs import (
    StartExchange,
    check_against_book,
    check_series,
    hours_closed,
    producer,
    read_topic,
    read_trades,
    run_variables,
    start,
    stop,
)

pytestmark = pytest.mark.integration


def incidents(settings: Bundle, kind: IncidentKind) -> list[Incident]:
    messages = read_topic(settings.kafka, settings.namespace.incidents_topic)
    told = [decode_incident(message.value()) for message in messages]
    return [incident for incident in told if incident.kind is kind]


def test_a_planned_change_of_connections_needs_nothing_from_rest(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    """By age and by serverShutdown with notice: the new connection is there before the old goes."""
    exchange = start(exchange_server, trades_per_hour=8_000, hold=True)
    variables = run_variables(
        NEXTHOUR_PRODUCER_RENEW_AFTER_S=4, NEXTHOUR_PRODUCER_HANDOVER_TIMEOUT_S=20
    )
    with producer(settings, exchange, tmp_path, **variables) as run:
        eventually(run.is_healthy, 60, message="connected")
        exchange.post("/clock/start")
        eventually(lambda: min(hours_closed(run).values()) >= 1, 60, message="the series goes")
        from_rest = run.metric("trades_from_rest_total")
        eventually(lambda: run.metric("incidents_total", kind="handover") >= 2, 60, message="age")
        exchange.post("/faults", {"kind": "shutdown", "notice_s": 3})
        eventually(lambda: run.metric("incidents_total", kind="server_shutdown") >= 1, 30)
        handed = run.metric("incidents_total", kind="handover")
        eventually(lambda: run.metric("incidents_total", kind="handover") > handed, 30)
        assert run.metric("trades_from_rest_total") == from_rest
        assert run.metric("incidents_total", kind="stream_lost") == 0
        stop(run)
    check_series(settings, exchange)
    for handover in incidents(settings, IncidentKind.HANDOVER):
        assert handover.duration_ms is not None
        assert handover.detail.endswith("4/4 symbols seen")


def test_ids_that_never_existed_do_not_stop_the_series(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    exchange = start(exchange_server, trades_per_hour=8_000, hold=True, absent_ids="BTCUSDT:0:7")
    with producer(settings, exchange, tmp_path, **run_variables()) as run:
        eventually(run.is_healthy, 60, message="connected")
        exchange.post("/clock/start")
        eventually(lambda: run.metric("hours_closed_total", symbol="BTCUSDT") >= 2, 60)
        stop(run)
    (told,) = incidents(settings, IncidentKind.NEVER_EXISTED)
    assert told.symbol == "BTCUSDT"
    assert told.first_id is not None
    assert told.last_id == told.first_id + 6
    series = read_trades(settings.kafka, settings.namespace.trades_topic)
    assert check_against_book(exchange, "BTCUSDT", series["BTCUSDT"], gap_ids=7) >= 2
    gaps = [record.gap for record in series["BTCUSDT"] if record.gap is not None]
    assert {gap.reason.split(":")[0] for gap in gaps} == {"never_existed"}


def test_a_delisted_symbol_is_an_alarm_and_the_others_go_on(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    exchange = start(exchange_server, trades_per_hour=8_000)
    variables = run_variables(NEXTHOUR_PRODUCER_STATUS_CHECK_S=1)
    with producer(settings, exchange, tmp_path, **variables) as run:
        eventually(lambda: min(hours_closed(run).values()) >= 1, 60)
        exchange.post("/symbols", {"symbol": "DOTUSDT", "status": "DELISTED"})
        eventually(lambda: run.metric("incidents_total", kind="status_changed") >= 1, 30)
        closed = run.metric("hours_closed_total", symbol="BTCUSDT")
        eventually(lambda: run.metric("hours_closed_total", symbol="BTCUSDT") > closed, 30)
        stop(run)
    with producer(settings, exchange, tmp_path, name="again", **variables) as run:
        eventually(lambda: run.metric("hours_closed_total", symbol="BTCUSDT") >= 1, 60)
        stop(run)
    told = incidents(settings, IncidentKind.STATUS_CHANGED)
    assert {incident.symbol for incident in told} == {"DOTUSDT"}
    assert "UNLISTED" in told[0].detail
    check_series(settings, exchange, "BTCUSDT,ETHUSDT,USDCUSDT")


def test_a_host_that_serves_market_data_only_fills_recent_holes(
    settings: Bundle, exchange_server: StartExchange, tmp_path: Path
) -> None:
    exchange = start(
        exchange_server, trades_per_hour=8_000, hold=True, serves_historical_trades=False
    )
    with producer(settings, exchange, tmp_path, **run_variables()) as run:
        eventually(run.is_healthy, 60, message="connected")
        exchange.post("/clock/start")
        eventually(lambda: run.metric("trades_published_total", symbol="BTCUSDT") > 100, 60)
        exchange.post("/faults", {"kind": "drop", "symbol": "BTCUSDT", "count": 5})
        eventually(lambda: run.metric("gaps_filled_total", symbol="BTCUSDT") >= 1, 60)
        eventually(lambda: min(hours_closed(run).values()) >= 2, 90)
        assert run.metric("gap_ids_total") == 0
        stop(run)
    check_series(settings, exchange)
