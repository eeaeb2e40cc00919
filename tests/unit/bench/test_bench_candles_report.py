"""Rates, targets and columns of the candles benchmark."""

from __future__ import annotations

import pytest

from nexthour.latency import Latency
from tests.bench.candles.outcome import Rate, Sample, rate
from tests.bench.candles.report import (
    Contestant,
    Flatness,
    LatencyResult,
    flatness_targets,
    latency_targets,
    throughput_targets,
)
from tests.bench.candles.throughput import flink_fields
from tests.bench.targets import Target

pytestmark = pytest.mark.unit


def sample(rows: int, at_s: float) -> Sample:
    return Sample(rows=rows, at_s=at_s, cpu_s=2 * at_s)


SAMPLES = [sample(100, 10.0), sample(200, 15.0), sample(400, 16.0), sample(1_000, 20.0)]


def test_rate_begins_with_the_first_warm_sample() -> None:
    found = rate(SAMPLES, 150)
    assert (found.rows, found.per_s) == (800, 160)
    assert found.cpu_us == pytest.approx(2 * 5 / 800 * 1e6)


def test_rate_of_a_part() -> None:
    assert rate(SAMPLES, 100, 400).per_s == 50


def test_one_sample_is_no_rate() -> None:
    with pytest.raises(ValueError, match="1 samples between 500 and 1,000"):
        rate(SAMPLES, 500)


def contestant(name: str, per_s: int) -> Contestant:
    rounds = [Rate(rows=1, per_s=per_s, cpu_us=1.0)]
    return Contestant(name=name, per_s=per_s, cpu_us=1.0, rounds=rounds, peak_mib=1)


def test_targets_are_ratios_to_what_was_measured() -> None:
    found = {
        "candles": contestant("candles", 300_000),
        "read": contestant("read", 700_000),
        "flink": contestant("flink", 400_000),
    }
    by_name = {target.name: target for target in throughput_targets(found)}
    assert set(by_name) == {"trades/s, warm", "of a no-op read", "of Flink SQL on Avro"}
    assert by_name["trades/s, warm"].is_met
    assert not by_name["of a no-op read"].is_met
    assert by_name["of Flink SQL on Avro"].is_met


def test_bounds_are_inclusive() -> None:
    assert Target(name="", measured=2.0, least=2.0).is_met
    assert Target(name="", measured=2.0, most=2.0).is_met
    assert not Target(name="", measured=1.99, least=2.0).is_met
    assert not Target(name="", measured=2.01, most=2.0).is_met


def test_dearer_trades_miss_flatness_and_cheaper_ones_do_not() -> None:
    def flat(drift: float) -> Flatness:
        return Flatness(what="", per_s={}, cpu_us={}, drift=drift, cpu_drift=0)

    assert [t.is_met for t in flatness_targets([flat(0.11), flat(0.1), flat(-0.3)])] == [
        False,
        True,
        True,
    ]


def test_latency_has_four_targets_and_none_without_figures() -> None:
    assert latency_targets(None) == []
    result = LatencyResult(
        trades_per_s=2_000,
        hours=20,
        postgres=Latency(200, 1.2, 2.1, 3.0),
        topic=Latency(200, 0.6, 1.0, 3.0),
        verdicts={},
    )
    assert [target.is_met for target in latency_targets(result)] == [True, False, True, True]


def test_flink_reads_the_header_as_five_integers() -> None:
    fields = flink_fields()
    assert fields[:5] == [(f"header_{number}", "INT NOT NULL") for number in range(5)]
    columns = dict(fields)
    assert columns["kind"] == "STRING NOT NULL"
    assert columns["price"] == "BIGINT"
    assert columns["close"].startswith("ROW<`open_time_ms` BIGINT NOT NULL, `witness` STRING")
