"""What a person may ask of `nexthour evaluate --horizon`, what it writes, and its one line when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from model.evaluation.projection import paper
from nexthour.cli import app
from tests.support.projection_world import panel, write_world

pytestmark = pytest.mark.unit

HOURLY = Path(__file__).parents[4] / "shared" / "data" / "hourly"
TIMES = {"--test-from": "2022-08-01T00:00Z", "--test-until": "2022-12-31T23:00Z"}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass of the paper's model: what it says does not matter here, only that it is there."""
    monkeypatch.setattr(paper, "EPOCHS", 1)


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_world(tmp_path_factory.mktemp("candles"), panel(days=250))


def evaluate(folder: Path, out: Path, **changes: str | None) -> tuple[int, list[str]]:
    options = {
        "--candles": str(folder),
        "--out": str(out),
        "--horizon": "8d",
        **TIMES,
        **{f"--{name.replace('_', '-')}": value for name, value in changes.items()},
    }
    given = [text for pair in options.items() if pair[1] is not None for text in pair]
    result = CliRunner().invoke(app, ["evaluate", *given])
    return result.exit_code, result.output.splitlines()


def test_rows_and_report_are_written_the_same_each_time(candles: Path, tmp_path: Path) -> None:
    code, lines = evaluate(candles, tmp_path / "one")
    assert code == 0, lines
    table = pq.read_table(tmp_path / "one" / "projection.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "symbol": "string",
        "origin": "timestamp[ms, tz=UTC]",
        "horizon_days": "int32",
        **dict.fromkeys(["q05", "q25", "q50", "q75", "q95"], "double"),
        "last_close": "double",
        "actual_close": "double",
        "method": "string",
    }
    frame = table.to_pandas()
    assert not frame.duplicated(["symbol", "origin", "horizon_days"]).any()
    origins = sorted(set(frame["origin"]))
    assert origins[:2] == [pd.Timestamp("2022-08-01T00:00Z"), pd.Timestamp("2022-08-08T00:00Z")]
    assert origins[-1] == pd.Timestamp("2022-09-12T00:00Z")  # the candles end with 2022-09-14
    report = json.loads((tmp_path / "one" / "report.json").read_text())
    assert [one["horizon_days"] for one in report["projection"]["horizons"]] == [1, 7]
    assert report["projection"]["made_of"]["paper_fits"] == 1
    assert report["projection"]["horizons"][0]["paper"]["rmae"] > 1
    assert any("1 days ahead: pinball skill" in line for line in lines)
    assert any("no forecast of direction" in line for line in lines)
    assert not (tmp_path / "one" / "predictions.parquet").exists()
    # options of the other evaluation may stand there: they have no say
    code, lines = evaluate(
        candles, tmp_path / "two", train_until="2022-07-31T23:00Z", models="rule"
    )
    assert code == 0, lines
    for name in ("projection.parquet", "report.json", "report.md", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"horizon": "181d"}, "--horizon: '181d' is not 1d … 180d"),
        ({"horizon": "180"}, "--horizon: '180' is not 1d … 180d"),
        ({"horizon": "24h"}, "--horizon: '24h' is not 1d … 180d"),
        ({"horizon": "0d"}, "--horizon: '0d' is not 1d … 180d"),
        ({"test_from": "2022-08-01"}, "--test-from: '2022-08-01' has no time zone"),
        ({"test_until": "2022-07-01T00:00Z"}, "no midnight lies in the range from --test-from"),
        ({"test_from": "2022-10-01T00:00Z"}, "the whole days 2022-01-08 to 2022-09-14"),
        ({"candles": "nowhere"}, "nowhere is no folder"),
        ({"horizon": None}, "--train-until is needed: the last hour that the first fit may see"),
    ],
)
def test_a_wrong_option_is_one_line(
    candles: Path, tmp_path: Path, changes: dict[str, str | None], complaint: str
) -> None:
    code, lines = evaluate(candles, tmp_path / "out", **changes)
    assert code == 2
    (line,) = lines
    assert line.startswith("nexthour: ")
    assert complaint in line
    assert not (tmp_path / "out").exists()


def test_a_folder_of_stable_coins_is_one_line(candles: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "USDCUSDT-1h.parquet").write_bytes((candles / "USDCUSDT-1h.parquet").read_bytes())
    code, lines = evaluate(alone, tmp_path / "out")
    assert code == 2
    assert lines == ["nexthour: no volatile coin has a day; there are USDCUSDT"]


@pytest.mark.realdata
def test_the_fan_is_no_worse_than_a_random_walk_on_real_days(tmp_path: Path) -> None:
    """A year of weekly origins of four coins, a day and a week ahead; the band of 90 % holds."""
    folder = tmp_path / "candles"
    folder.mkdir()
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT", "USDCUSDT"):
        hours = pd.read_parquet(HOURLY / f"{symbol}-1h.parquet")
        hours = hours[(hours["open_time"] >= "2020-06-01") & (hours["open_time"] < "2023-07-10")]
        hours.to_parquet(folder / f"{symbol}-1h.parquet", index=False)
    code, lines = evaluate(
        folder,
        tmp_path / "out",
        horizon="7d",
        test_from="2022-07-03T00:00Z",
        test_until="2023-06-30T00:00Z",
    )
    assert code == 0, lines
    day, week = json.loads((tmp_path / "out" / "report.json").read_text())["projection"]["horizons"]
    assert (day["rows"], week["rows"]) == (3 * 52, 3 * 52)
    for one in (day, week):
        assert one["fan"]["pinball_skill"] > 0
        assert 0.8 < one["fan"]["coverage_90"] < 0.98
        assert one["fan"]["crossings"] == 0
        assert one["fan"]["rmae"] == pytest.approx(1)
        assert one["paper"]["rmae"] > 1
    frame = pd.read_parquet(tmp_path / "out" / "projection.parquet")
    pegged = frame[frame["symbol"] == "USDCUSDT"]
    # not listed from 2022-09-26 to 2023-03-11, and back in the middle of a depeg
    gone = pegged["origin"].between("2022-09-27", "2023-03-11")
    assert not gone.any()
    assert set(pegged[pegged["origin"] == "2023-03-12"]["method"]) == {"depegged"}
    assert np.isclose(pegged[pegged["horizon_days"] == 7]["q50"], 1, atol=0.01).all()
