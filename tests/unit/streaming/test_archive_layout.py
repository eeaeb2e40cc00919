from __future__ import annotations

import pytest

from conf.names import HOUR_MS, Namespace
from conf.settings import ArchiveSettings
from streaming.archive.balance import BatchFigures
from streaming.archive.days import closed_days, expired_days
from streaming.archive.layout import BatchName, batch_of, compacted_file, hour_folder, trees
from streaming.archive.ledger import is_committed
from streaming.archive.query import pace
from streaming.errors import SinkError

pytestmark = pytest.mark.unit

DAY_END = 1_767_312_000_000  # 2026-01-02T00:00Z
MINUTE_MS = 60_000
CHECKPOINT = "2c9a5f10-37f4-4d0e-9a51-9d2f0b6f9b11"


def settings(**fields: object) -> ArchiveSettings:
    return ArchiveSettings.model_validate(fields)


def test_a_file_says_which_batch_of_which_checkpoint_wrote_it() -> None:
    batch = BatchName(CHECKPOINT, 120)
    name = f"/nexthour/live/trades/date=2026-01-01/hour=07/{batch.file(3, 'parquet')}"
    assert name.endswith(f"{CHECKPOINT}-120-00003.parquet")
    assert batch_of(name) == batch
    # 12 and 120 share a beginning, and must not be taken for each other.
    assert not batch.file(0, "csv").startswith(BatchName(CHECKPOINT, 12).stem + "-")


def test_a_compacted_file_is_of_no_batch_and_named_by_its_inputs() -> None:
    inputs = ["/a/x-0-00000.parquet", "/a/y-0-00000.parquet"]
    name = compacted_file(inputs)
    assert batch_of(f"/a/{name}") is None
    assert compacted_file(reversed(inputs)) == name
    assert compacted_file([*inputs, f"/a/{name}"]) != name


def test_folders_are_of_the_utc_hour() -> None:
    tree = trees(Namespace("live"))["markers"]
    assert hour_folder(tree, DAY_END - 1) == "/nexthour/live/markers/date=2026-01-01/hour=23"
    assert (
        hour_folder(tree, DAY_END + 9 * HOUR_MS) == "/nexthour/live/markers/date=2026-01-02/hour=09"
    )


def test_a_day_is_closed_when_it_is_over_for_long_enough() -> None:
    hour = settings(compact_after_minutes=60)
    dates = ["2025-12-31", "2026-01-01", "2026-01-02"]
    at = DAY_END + 60 * MINUTE_MS
    assert closed_days(dates, at, hour) == dates[:2]
    assert closed_days(dates, at - 1, hour) == dates[:1]
    assert closed_days(dates, DAY_END, settings(compact_after_minutes=0)) == dates[:2]


def test_days_expire_only_with_a_retention_and_whole() -> None:
    dates = ["2025-12-24", "2025-12-25", "2026-01-02"]
    assert expired_days(dates, DAY_END, settings()) == []
    assert expired_days(dates, DAY_END, settings(retention_days=8)) == dates[:1]
    assert expired_days(dates, DAY_END - 1, settings(retention_days=8)) == []
    assert expired_days(dates, MINUTE_MS, settings(retention_days=8)) == []


def test_a_batch_is_whole_up_to_the_last_one_committed() -> None:
    committed = {"a": 3}
    assert is_committed(committed, BatchName("a", 3))
    assert not is_committed(committed, BatchName("a", 4))
    assert not is_committed(committed, BatchName("b", 0))


@pytest.mark.parametrize("lost", [-1, 1])
def test_a_record_that_is_lost_or_doubled_is_an_error(lost: int) -> None:
    BatchFigures(7, read=6, trades=3, markers=2, dead_letters=1).check()
    with pytest.raises(SinkError, match="batch 7: 6 records read, but"):
        BatchFigures(7, read=6, trades=3, markers=2, dead_letters=1 + lost).check()


@pytest.mark.parametrize(
    ("minutes", "speed", "due_s", "look_s"),
    [(10, 1, 600, 10), (10, 180, 10 / 3, 2), (10, 10_000, 2, 2), (1, 1, 60, 6)],
)
def test_pace_is_of_exchange_time(
    minutes: float, speed: float, due_s: float, look_s: float
) -> None:
    found = pace(settings(trigger_minutes=minutes), speed)
    assert found == (pytest.approx(due_s), pytest.approx(look_s))
