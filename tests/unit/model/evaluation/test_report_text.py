from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from model.evaluation.report import build_report
from model.evaluation.report_text import DEFINITIONS, composed, render_markdown, summary
from tests.support.evaluated import COINS, STABLE, model_rows, naive_rows, true_returns

pytestmark = pytest.mark.unit


def rendered(**shares: float) -> str:
    naive = naive_rows(300, (*COINS, STABLE))
    models = [
        model_rows(naive, name, share * true_returns(naive)) for name, share in shares.items()
    ]
    return render_markdown(build_report(pd.concat([naive, *models]), [], tried=["other"]))


def test_a_person_reads_who_is_better_and_who_is_not() -> None:
    text = rendered(good=0.1, bad=-0.1)
    assert "Better than the last price (rMAE below 1, DM t at least 2): `good`." in text
    assert "No better than the last price: `bad`." in text
    assert "2024-07-01 00:00 to 2024-07-13 11:00 UTC: 300 hours, 1200 forecasts per model" in text
    assert "ETHUSDT, and USDCUSDT apart." in text
    assert "tried on these hours: 4;" in text


def test_nobody_is_praised_without_cause() -> None:
    naive = naive_rows(300)
    told = " ".join(summary(build_report(naive, [])))
    assert "etter than the last price" not in told
    noise = np.random.default_rng(0).normal(0, 1e-3, len(naive))
    report = build_report(pd.concat([naive, model_rows(naive, "noise", noise)]), [])
    assert "No better than the last price: `noise`." in summary(report)


def test_warnings_come_first_and_only_with_cause() -> None:
    text = rendered(good=0.1)
    assert text.index("## Warnings") < text.index("## League table")
    assert "- **good: rMAE 0.9000, below 0.98: a leak until proven otherwise**" in text
    assert "## Warnings" not in rendered(bad=-0.1)


def test_tables_are_markdown_tables() -> None:
    lines = rendered(good=0.1).splitlines()
    first = lines.index("## League table") + 2
    assert lines[first].startswith("| model | verdict | rMAE [95 %] |")
    assert set(lines[first + 1]) == set("| -")
    assert lines[first].count("|") == lines[first + 1].count("|") == lines[first + 2].count("|")
    assert lines[first + 2].startswith("| good | **better than the last price** | 0.9000 [")


def test_a_bar_in_a_name_does_not_cut_a_cell() -> None:
    naive = naive_rows(48)
    text = render_markdown(build_report(pd.concat([naive, model_rows(naive, "a|b")]), []))
    assert "| a/b | no better" in text


def test_every_figure_is_explained() -> None:
    text = rendered(good=0.1)
    assert all(f"- {name}: {meaning}" in text for name, meaning in DEFINITIONS)


def test_the_champion_s_parts_are_told_as_they_are() -> None:
    everything = {
        "members": ["lstm", "lightgbm"],
        "shrinkage": [0.8, 1.0, 0.9],
        "guarded": {"ADAUSDT": 0.0, "BTCUSDT": 0.125},
        "is_calibrated": True,
        "seeded_from": 12_960,
        "depegged": {"USDCUSDT": 7},
    }
    assert composed(everything) == (
        "`champion` is the equal-weight mean of `lstm`, `lightgbm`, each averaged over its seeds; "
        "its median times λ = 0.8 … 1, chosen at each refit on validation; the last close where "
        "the guard said so (BTCUSDT 12.5 %); bands by adaptive conformal calibration, coin by "
        "coin; begun with 12960 rows before the first test hour; depegged, with wider bands: "
        "USDCUSDT in 7 hours."
    )
    bare = {
        "members": ["rule"],
        "shrinkage": None,
        "guarded": None,
        "is_calibrated": False,
        "seeded_from": 12_960,
        "depegged": {"USDCUSDT": 0},
    }
    assert composed(bare) == "`champion` is made of `rule`, each averaged over its seeds."
    calm = everything | {"guarded": {"ADAUSDT": 0.0}, "shrinkage": [1.0, 1.0]}
    assert "λ = 1, " in composed(calm)
    assert "(nowhere)" in composed(calm)
