"""Parameters: what is taken, and the line that says why something is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from api.errors import first_problem
from api.params import (
    CandleQuery,
    CombinationError,
    IncidentQuery,
    RunningScoreQuery,
    ScoreQuery,
    aware_time,
)

pytestmark = pytest.mark.unit


def candles(**given: object) -> CandleQuery:
    return CandleQuery.model_validate({"symbol": "BTCUSDT", **given})


def complaint(**given: object) -> str:
    with pytest.raises(ValidationError) as caught:
        candles(**given)
    return first_problem(caught.value.errors())[0]


def test_defaults_are_the_current_closed_hours_oldest_first() -> None:
    query = candles()
    assert (query.interval, query.revision, query.order) == ("1h", "latest", "asc")
    assert (query.provisional, query.as_known_at, query.from_time) == (False, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-01T05:00:00Z",
        "2026-01-01t05:00:00z",
        "2026-01-01T05:00Z",
        "2026-01-01T07:00:00+02:00",
        "2026-01-01T07:00:00 02:00",  # a plus that nobody encoded
        "2026-01-01T00:00:00-05:00",
        " 2026-01-01T05:00:00.000000Z ",
    ],
)
def test_times_of_any_zone_are_one_moment(text: str) -> None:
    assert aware_time(text) == datetime(2026, 1, 1, 5, tzinfo=UTC)


def test_times_at_the_calendars_ends_are_taken() -> None:
    assert aware_time("0001-01-01T00:00:00+14:00") == datetime.min.replace(tzinfo=UTC)
    assert aware_time("9999-12-31T23:59:59-14:00") == datetime.max.replace(tzinfo=UTC)
    strange = aware_time("0048-03-26T23:18:17+23:06")  # Postgres refuses such an offset
    assert (strange.utcoffset(), strange.minute) == (timedelta(0), 12)
    assert aware_time("9999-12-31T23:59:59-12:00").year == 9999


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"from": "2026-01-01"}, "from: '2026-01-01' has no time zone; append Z"),
        ({"from": "1767243600"}, "from: '1767243600' is no time; write it as"),
        ({"until": "yesterday"}, "until: 'yesterday' is no time"),
        ({"limit": "0"}, "limit: Input should be greater than or equal to 1"),
        ({"limit": "ten"}, "limit: Input should be a valid integer"),
        ({"interval": "5m"}, "interval: Input should be '1h', '4h' or '1d'"),
        ({"revision": "0"}, "revision: String should match pattern"),
        ({"revision": "newest"}, "revision: String should match pattern"),
        ({"symbol": ""}, "symbol: String should have at least 1 character"),
        ({"symbol": "A\0B"}, "symbol: String should match pattern"),
        ({"provisional": "maybe"}, "provisional: Input should be a valid boolean"),
        ({"form": "2026-01-01T00:00:00Z"}, "form: there is no such parameter"),
        ({"from_": "x"}, "from_: there is no such parameter"),
    ],
)
def test_the_first_problem_is_one_line_that_names_the_parameter(
    given: dict[str, object], line: str
) -> None:
    assert complaint(**given).startswith(line)


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        CandleQuery.model_validate({})
    assert first_problem(caught.value.errors()) == (
        "symbol: this parameter is required",
        "symbol",
    )


def test_symbols_are_upper_case() -> None:
    assert candles(symbol="btcusdt").symbol == "BTCUSDT"


def test_a_range_turned_round_is_refused() -> None:
    query = candles(**{"from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"})
    with pytest.raises(CombinationError, match="from is later than until"):
        query.require_sense()
    candles(
        **{"from": "2026-01-01T00:00:00Z", "until": "2026-01-01T01:00:00+01:00"}
    ).require_sense()


@pytest.mark.parametrize("revision", ["all", "1"])
def test_bars_have_no_revisions(revision: str) -> None:
    candles(revision=revision).require_sense()
    with pytest.raises(CombinationError, match="only hours have revisions"):
        candles(revision=revision, interval="4h").require_sense()


def test_windows_and_kinds_may_be_repeated() -> None:
    assert ScoreQuery.model_validate({}).window == ("24h", "7d", "30d", "90d")
    assert ScoreQuery.model_validate({"window": ["7d", "24h"]}).window == ("7d", "24h")
    assert len(IncidentQuery.model_validate({"kind": ["silent", "halted"]}).kind) == 2
    with pytest.raises(ValidationError):
        ScoreQuery.model_validate({"window": ["1y"]})


def test_a_running_score_needs_its_start() -> None:
    with pytest.raises(ValidationError) as caught:
        RunningScoreQuery.model_validate({"symbol": "BTCUSDT"})
    assert first_problem(caught.value.errors())[1] == "from"
