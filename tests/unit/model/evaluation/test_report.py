from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from model.evaluation import report as reports
from model.evaluation.champion import Composition
from model.evaluation.runs import Run
from tests.support.evaluated import COINS, STABLE, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit

RUNS = [
    Run("lstm", 1, 20.0, 2.0, 700, 6),
    Run("lstm", 0, 10.0, 1.0, 900, 6),
    Run("naive", 0, 0.0, 0.1, 300, 1),
]
FILES = ("report.json", "report.md", "report.html")


def predictions(hours: int = 24 * 35) -> pd.DataFrame:
    naive = naive_rows(hours, (*COINS, STABLE))
    noise = np.random.default_rng(0).normal(0, 1e-3, len(naive))
    return pd.concat(
        [
            naive,
            model_rows(naive, "lstm", 0.002 * true_returns(naive) + noise),
            model_rows(naive, "lstm#0", 0.01 * true_returns(naive) + noise),
            model_rows(naive, "lstm#1", 0.01 * true_returns(naive) - noise),
        ],
        ignore_index=True,
    )


def test_the_same_forecasts_give_the_same_bytes(tmp_path: Path) -> None:
    frame = predictions()
    reports.write_report(frame, RUNS, tmp_path / "one", tried=["b", "a"])
    shuffled = frame.sample(frac=1.0, random_state=1)
    reports.write_report(shuffled, RUNS[::-1], tmp_path / "new" / "other", tried=["a", "b", "a"])
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (
            tmp_path / "new" / "other" / name
        ).read_bytes()


def test_a_written_report_reads_back_as_built(tmp_path: Path) -> None:
    reports.write_report(predictions(), RUNS, tmp_path)
    text = (tmp_path / "report.json").read_text()
    assert "NaN" not in text
    assert json.loads(text) == reports.build_report(predictions(), RUNS)


def test_seeds_are_no_models_of_their_own() -> None:
    report = reports.build_report(predictions(), RUNS)
    assert list(report["models"]) == ["naive", "lstm"]
    seeds = report["models"]["lstm"]["seeds"]
    assert seeds["count"] == 2
    assert list(seeds["by_seed"]) == ["0", "1"]
    mean = np.mean([figures["rmae"] for figures in seeds["by_seed"].values()])
    assert seeds["summary"]["rmae"]["mean"] == pytest.approx(mean)
    assert report["models"]["naive"]["seeds"] == {"count": 0, "by_seed": {}, "summary": {}}


def test_seeds_without_their_mean_are_refused() -> None:
    frame = predictions(48)
    with pytest.raises(ValueError, match=r"seeds without .*lstm#0, lstm#1"):
        reports.build_report(frame[frame["model"] != "lstm"], [])


def test_stable_coins_are_in_no_pooled_figure() -> None:
    frame = predictions()
    report = reports.build_report(frame, RUNS)
    volatile = reports.build_report(frame[frame["symbol"] != STABLE], RUNS)
    assert report["models"] == volatile["models"]
    assert volatile["stable"] == {}
    assert report["range"]["coins"] == list(COINS)
    assert report["range"]["stable_coins"] == [STABLE]
    assert list(report["stable"]) == ["naive", "lstm"]
    assert report["stable"]["lstm"][STABLE]["rows"] == 24 * 35
    other = reports.build_report(frame, RUNS, stable=("BTCUSDT", STABLE))
    assert other["range"]["coins"] == ["ADAUSDT", "ETHUSDT"]


def test_stable_coins_alone_cannot_be_pooled() -> None:
    with pytest.raises(ValueError, match="only stable coins"):
        reports.build_report(naive_rows(48, (STABLE,)), [])


def test_what_it_took_is_added_up_over_seeds() -> None:
    models = reports.build_report(predictions(48), RUNS)["models"]
    cost = models["lstm"]["cost"]
    assert (cost["runs"], cost["refits"], cost["fit_s"], cost["score_s"], cost["peak_mib"]) == (
        2,
        12,
        30.0,
        3.0,
        900,
    )
    assert [run["seed"] for run in cost["by_run"]] == [0, 1]
    assert reports.build_report(predictions(48), [])["models"]["lstm"]["cost"] is None


def test_range_and_configurations_are_told() -> None:
    report = reports.build_report(predictions(48), RUNS, tried=["lstm", "lstm-96"])
    assert report["range"] == {
        "first_open_time": "2024-07-01T00:00:00+00:00",
        "last_open_time": "2024-07-02T23:00:00+00:00",
        "hours": 48,
        "rows_per_model": 4 * 48,
        "coins": list(COINS),
        "stable_coins": [STABLE],
    }
    assert report["configurations_tried"] == {
        "here": ["naive", "lstm"],
        "before": ["lstm", "lstm-96"],
        "count": 3,
    }


def test_what_the_champion_is_made_of_is_told(tmp_path: Path) -> None:
    made = Composition(("lstm", "rule"), (0.5, 1.0), {"BTCUSDT": 0.25}, True, 99, {STABLE: 3})
    reports.write_report(predictions(48), RUNS, tmp_path, composition=made)
    assert json.loads((tmp_path / "report.json").read_text())["champion"] == {
        "members": ["lstm", "rule"],
        "shrinkage": [0.5, 1.0],
        "guarded": {"BTCUSDT": 0.25},
        "is_calibrated": True,
        "seeded_from": 99,
        "depegged": {STABLE: 3},
    }
    assert "mean of `lstm`, `rule`" in (tmp_path / "report.md").read_text()
    assert "mean of <code>lstm</code>, <code>rule</code>" in (tmp_path / "report.html").read_text()
    assert reports.build_report(predictions(48), RUNS)["champion"] is None


def with_share_of_truth(name: str, share: float) -> pd.DataFrame:
    naive = naive_rows(200)
    model = model_rows(naive, name, share * true_returns(naive))
    seeds = [
        model_rows(naive, f"{name}#{seed}", (share + 1e-3) * true_returns(naive)) for seed in (0, 1)
    ]
    return pd.concat([naive, model, *seeds])


def test_a_leak_is_told_of_the_model_or_else_of_its_seeds() -> None:
    told = reports.build_report(with_share_of_truth("lstm", 0.5), [])["warnings"]
    assert [text.split(":")[0] for text in told] == ["lstm", "lstm"]
    frame = with_share_of_truth("lstm", 0.5)
    honest = model_rows(naive_rows(200), "lstm")
    seeds_only = pd.concat([frame[frame["model"] != "lstm"], honest])
    told = reports.build_report(seeds_only, [])["warnings"]
    assert [text.split(":")[0] for text in told] == ["lstm#0"] * 2 + ["lstm#1"] * 2
    assert reports.build_report(naive_rows(200), [])["warnings"] == []


def test_crossed_quantiles_are_told() -> None:
    naive = naive_rows(48)
    crossed = model_rows(naive, "lstm")
    crossed.loc[[3, 5], "q05"] = crossed.loc[[3, 5], "q95"]
    told = reports.build_report(pd.concat([naive, crossed]), [])["warnings"]
    assert told == ["lstm: 2 rows whose quantiles cross"]


def test_every_value_is_plain() -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            assert all(type(name) is str for name in value)
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)
        else:
            assert value is None or type(value) in {str, int, float, bool}
            assert not isinstance(value, float) or math.isfinite(value)

    report = reports.build_report(predictions(48), RUNS)
    walk(report)
    assert report["models"]["naive"]["dm_t"] is None
