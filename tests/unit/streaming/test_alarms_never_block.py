"""An alarm is never in the way: no broker, no exchange, no error."""

from __future__ import annotations

import time

import pytest

from conf.contracts.incidents import IncidentKind
from conf.names import Namespace
from conf.settings import ExchangeSettings, KafkaSettings
from streaming.alarms import TOLD, UNDELIVERED, Alarms, ExchangeNow

pytestmark = pytest.mark.unit

NOWHERE = ExchangeSettings(rest_url="http://127.0.0.1:1")


def count(metric: object, *labels: str) -> float:
    return float(metric.labels(*labels)._value.get())  # type: ignore[attr-defined] # any counter


def test_without_broker_and_exchange_it_is_counted_and_nothing_is_raised() -> None:
    kafka = KafkaSettings(bootstrap_servers="127.0.0.1:1")
    alarms = Alarms("unit-query", kafka, Namespace("unit"), ExchangeNow(NOWHERE, 1.0))
    for _ in range(3):
        alarms.tell(IncidentKind.IMBALANCE, "batch 1: nothing adds up")
    alarms.flush(0.01)
    assert count(TOLD, "unit-query", "imbalance") == 3


def test_settings_that_make_no_client_are_counted() -> None:
    kafka = KafkaSettings(sasl_mechanism="NONE-SUCH", security_protocol="SASL_SSL")
    alarms = Alarms("unit-broken", kafka, Namespace("unit"), lambda: 1)
    alarms.tell(IncidentKind.ROWS_DROPPED, "2 rows")
    assert count(UNDELIVERED, "unit-broken") == 1


def test_without_an_exchange_the_wall_clock_serves() -> None:
    now_ms = ExchangeNow(NOWHERE, 180.0)
    before_ms = time.time() * 1000
    assert before_ms - 1 <= now_ms() <= time.time() * 1000
