"""Fits as Spark tasks: the bytes of one process, resumable, one line when a fit or a worker fails."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from conf.champion import ChampionSettings
from conf.model import ModelSettings
from conf.names import HOUR_MS
from model.evaluation.assemble import Walked
from model.evaluation.catalogue import choose
from model.evaluation.champion import Model
from model.evaluation.predictions import write_predictions
from model.evaluation.session import LOG
from model.evaluation.walk import Done
from model.evaluation.work import WalkError
from model.forecasters.forecaster import ForecasterError
from model.forecasters.recurrent import Recurrent
from tests.support.walk_models import Broken, Dying, Faulty, Mending, Peeking, Seeded
from tests.support.walks import (
    SYMBOLS,
    TEST_FROM_MS,
    TEST_UNTIL_MS,
    holed_panel,
    walked,
    write_folder,
)

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

WHOLE_RANGE_MS = TEST_UNTIL_MS - TEST_FROM_MS + HOUR_MS
NAMES = "drift,ridge,lad,lightgbm,champion"
"""Those with sums over all rows, which threads could add in another order."""


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)


def models() -> list[Model]:
    return choose(NAMES, ChampionSettings(members=("lad", "rule")))


def file_bytes(frame: pd.DataFrame, folder: Path) -> bytes:
    write_predictions(frame, folder / "predictions.parquet")
    return (folder / "predictions.parquet").read_bytes()


def test_tasks_give_the_bytes_of_one_process(
    spark: SparkSession, candles: Path, tmp_path: Path
) -> None:
    done: list[Done] = []
    here = walked(candles, models(), tmp_path / "here", seeds=(1, 2))
    there = walked(
        candles, models(), tmp_path / "there", seeds=(1, 2), spark=spark, on_done=done.append
    )
    assert len(done) == 3 * 7  # lightgbm twice
    assert not any(one.is_kept for one in done)
    assert file_bytes(there.predictions, tmp_path) == file_bytes(here.predictions, tmp_path)
    assert file_bytes(there.by_seed, tmp_path) == file_bytes(here.by_seed, tmp_path)
    assert [(run.model, run.seed, run.refits) for run in there.runs] == [
        (run.model, run.seed, run.refits) for run in here.runs
    ]
    assert all(run.peak_mib > 50 for run in there.runs)


@pytest.mark.timeout(300)
def test_a_network_has_the_same_bytes_in_a_task(
    spark: SparkSession, candles: Path, tmp_path: Path
) -> None:
    network = Recurrent("lstm", ModelSettings(epochs=1, threads=1, learning_rate=0.01))
    here, there = (
        walked(
            candles,
            [*choose("naive"), network],
            tmp_path / name,
            seeds=(1, 2),
            spark=session,
            refit_ms=WHOLE_RANGE_MS,
        )
        for name, session in (("here", None), ("there", spark))
    )
    own = here.predictions[here.predictions["model"] == "lstm"]
    assert (own["q50"] != own["last_close"]).mean() > 0.5  # λ = 0 would compare the last close
    assert file_bytes(there.by_seed, tmp_path) == file_bytes(here.by_seed, tmp_path)


def test_interrupted_it_goes_on_where_it_was(
    spark: SparkSession, candles: Path, tmp_path: Path
) -> None:
    first: list[Done] = []

    def interrupt(done: Done) -> None:
        first.append(done)
        if len(first) == 4:
            raise KeyboardInterrupt

    def walk(on_done: Callable[[Done], None]) -> Walked:
        return walked(candles, choose("drift,rule,lad"), tmp_path, spark=spark, on_done=on_done)

    with pytest.raises(KeyboardInterrupt):
        walk(interrupt)
    assert not spark.sparkContext.statusTracker().getActiveJobsIds()
    second: list[Done] = []
    whole = walk(second.append)
    kept = sum(done.is_kept for done in second)
    assert 4 <= kept < len(second) == 12
    assert second[-1].remaining_s == 0
    again = walked(candles, choose("drift,rule,lad"), tmp_path / "anew")
    assert file_bytes(whole.predictions, tmp_path) == file_bytes(again.predictions, tmp_path)


@pytest.mark.parametrize(
    ("model", "error", "line"),
    [
        (Peeking(), ForecasterError, "^peeking: its quantiles are not finite"),
        # Two fits run at once: either may be the first to fail.
        (
            Faulty(),
            ForecasterError,
            r"^faulty failed at its fit [12] \(KeyError: .*nobody thought of",
        ),
        (Dying(), WalkError, "^a worker died, .* --workers 1"),
        (Broken(), WalkError, r"^Spark could not run the tasks \(.+\); more is in "),
    ],
)
def test_a_model_that_fails_is_one_line(
    spark: SparkSession,
    candles: Path,
    tmp_path: Path,
    model: Seeded,
    error: type[Exception],
    line: str,
) -> None:
    with pytest.raises(error, match=line) as caught:
        walked(candles, [*choose("naive"), model], tmp_path, spark=spark)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert (tmp_path / LOG).stat().st_size > 0
    # The next run does not stumble over what the last one left.
    found = walked(candles, choose("naive,drift"), tmp_path, spark=spark)
    assert set(found.predictions["model"]) == {"naive", "drift"}


def test_what_failed_is_tried_again_by_the_next_run(
    spark: SparkSession, candles: Path, tmp_path: Path
) -> None:
    switch = tmp_path / "full"
    switch.touch()
    model = Mending(switch)
    with pytest.raises(ForecasterError, match="mending: no room"):
        walked(candles, [*choose("naive"), model], tmp_path / "cache", spark=spark)
    switch.unlink()
    found = walked(candles, [*choose("naive"), model], tmp_path / "cache", spark=spark)
    assert set(found.predictions["model"]) == {"naive", "mending"}
