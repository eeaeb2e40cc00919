"""What a changed query is told apart by, and where a new checkpoint begins."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from conf.settings import ArchiveSettings, CandleSettings
from streaming.fingerprint import differences, spark_release
from streaming.kafka_source import starting_options

pytestmark = pytest.mark.unit

QUERIES = {"CANDLE": CandleSettings, "ARCHIVE": ArchiveSettings}


def test_equal_ones_do_not_differ() -> None:
    parts = {"topic": "t", "aggregates": {"open": "min_by(price, trade_id) AS open"}}
    assert differences(parts, json.loads(json.dumps(parts))) == []


def test_each_difference_is_named_by_its_path() -> None:
    known = {"topic": "t", "partitions": 8, "aggregates": {"open": "a", "high": "b"}}
    wanted = {"topic": "t", "partitions": 4, "aggregates": {"open": "c", "low": "d"}}
    assert differences(known, wanted) == [
        'aggregates.high was "b", is absent',
        'aggregates.low was absent, is "d"',
        'aggregates.open was "a", is "c"',
        "partitions was 8, is 4",
    ]


def test_long_values_are_cut() -> None:
    (line,) = differences({"a": "x" * 300}, {"a": "y"})
    assert len(line) < 100


def test_patch_releases_of_spark_are_one() -> None:
    assert spark_release("4.0.4") == spark_release("4.0.1") == "4.0"
    assert spark_release("4.1.0") != "4.0"


def test_where_a_new_checkpoint_begins() -> None:
    assert starting_options("earliest", "t") == {"startingOffsets": "earliest"}
    assert starting_options('{"0": 5, "1": 0}', "t") == {
        "startingOffsets": '{"t": {"0": 5, "1": 0}}'
    }
    assert starting_options("2026-01-01T01:00:00+01:00", "t") == {
        "startingTimestamp": "1767225600000",
        "startingOffsetsByTimestampStrategy": "latest",
    }


@pytest.mark.parametrize(
    "value",
    [
        "latest",
        "2026-01-01T00:00:00",
        "{",
        "{}",
        '{"0": -1}',
        '{"a": 1}',
        '{"0": 1.5}',
        '{"0": true}',
    ],
)
@pytest.mark.parametrize("query", ["CANDLE", "ARCHIVE"])
def test_a_start_that_cannot_be_meant_is_refused(
    query: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"NEXTHOUR_{query}_START_FROM", value)
    with pytest.raises(ValidationError, match="start_from"):
        QUERIES[query]()


@pytest.mark.parametrize("value", ["earliest", "2026-01-01T00:00:00Z", '{"0": 5}'])
@pytest.mark.parametrize("query", ["CANDLE", "ARCHIVE"])
def test_a_start_that_can(query: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"NEXTHOUR_{query}_START_FROM", value)
    assert QUERIES[query]().start_from == value
