"""``python -m tests.honesty [--seed N]``: exit code 0 if green, 1 if not.

Models must find the reversal that the stand-in's market has, find nothing where it is switched off, and
nothing after they have learned from outcomes that were dealt out anew. The walk, the features and the
report are those of `nexthour evaluate`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from conf.champion import CHAMPION
from conf.model import ModelSettings
from conf.names import DAY_MS, HOUR_MS
from model.evaluation.catalogue import choose
from model.evaluation.champion import Model
from model.evaluation.hours import read_hours
from model.evaluation.outcomes import BASELINE
from model.evaluation.plan import plan_folds
from model.evaluation.report import write_report
from model.evaluation.row_files import keep_rows
from model.evaluation.session import EvaluationSession
from model.evaluation.settings import EvaluationSettings
from model.evaluation.walk import Done, Walk
from model.forecasters.servable import SERVABLE
from nexthour.reports import Machine
from nexthour.reports import write_report as write_json
from tests.honesty.market import write_market
from tests.honesty.report import HonestyReport, Row, judge, print_report
from tests.honesty.shuffled import Shuffled
from tests.support.ending import end_cleanly_on_sigterm
from tests.support.own_settings import forget_own_settings

REPORT = Path("var/reports/honesty.json")
START_MS = 1_640_995_200_000  # 2022-01-01T00:00Z, a Saturday
TRAIN_DAYS, TEST_DAYS, REFIT_DAYS = 730, 180, 90
FITTED = ("lstm", "lightgbm")
MARKETS = ("signal", "none", "shuffled")


def main() -> int:
    """Walk over each market, print the table, write the report."""
    parser = argparse.ArgumentParser(prog="python -m tests.honesty", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the markets")
    seed = parser.parse_args().seed
    end_cleanly_on_sigterm()
    forget_own_settings()
    console = Console(highlight=False)
    folder = Path(tempfile.mkdtemp(prefix="nexthour-honesty-"))
    hours = (TRAIN_DAYS + TEST_DAYS) * 24
    try:
        rows = []
        for market in MARKETS:
            has_signal = market != "none"
            candles = write_market(folder / market, seed, START_MS, hours, signal=has_signal)
            rows += _score(market, candles, folder / f"{market}-out", console)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report = HonestyReport(
        is_green=all(row.is_met for row in rows),
        seed=seed,
        hours=hours,
        test_hours=TEST_DAYS * 24,
        rows=rows,
        machine=Machine.here(),
    )
    write_json(report, REPORT)
    print_report(report, console)
    console.print(str(REPORT))
    return 0 if report.is_green else 1


def _models(market: str) -> list[Model]:
    if market != "shuffled":
        return choose(",".join((*FITTED, CHAMPION)))
    return [*choose(BASELINE), *(Shuffled(SERVABLE[name]) for name in FITTED)]


def _score(market: str, candles: Path, out: Path, console: Console) -> list[Row]:
    """Walk over the last `TEST_DAYS`; return a row for each model but the baseline."""
    settings = EvaluationSettings()
    hours = read_hours(candles)
    test_from_ms = START_MS + TRAIN_DAYS * DAY_MS
    bounds = (test_from_ms - HOUR_MS, test_from_ms, test_from_ms + TEST_DAYS * DAY_MS - HOUR_MS)
    folds = plan_folds(hours.first_ms, *bounds, REFIT_DAYS * DAY_MS, settings)
    cache = out / "cache"
    cache.mkdir(parents=True)
    workers = os.cpu_count() or 1
    first_ms = min(fold.train_from_ms for fold in folds)
    rows = keep_rows(hours, first_ms, folds[-1].test_until_ms, settings, cache)
    begun_s = time.monotonic()

    def tell(done: Done) -> None:
        console.print(f"{market}: {done.task.forecaster.name}  {done.task.fold.number}")

    seeds = (ModelSettings().seed,)
    with EvaluationSession(workers, cache) as session:
        models = _models(market)
        walk = Walk(hours, rows, folds, models, seeds, settings, cache, session.get, workers)
        walked = walk.run(tell)
    write_report(walked.predictions, walked.runs, out, composition=walked.composition)
    console.print(f"{market}: {time.monotonic() - begun_s:.0f} s")
    scores = json.loads((out / "report.json").read_text())["models"]
    return [
        judge(market, name, one["rmae"], one["dm_t"], one["da"])
        for name, one in scores.items()
        if name != BASELINE
    ]


if __name__ == "__main__":
    sys.exit(main())
