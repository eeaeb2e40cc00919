"""What a person may ask of `nexthour evaluate`, what it writes, and its one line when it cannot."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from local.errors import LocalError
from nexthour.cli import app
from nexthour.evaluate_command import refit_hours
from tests.support.walks import SYMBOLS, holed_panel, write_folder

pytestmark = pytest.mark.unit

HOURLY = Path(__file__).parents[4] / "shared" / "data" / "hourly"
TIMES = {
    "--train-until": "2023-11-24T23:00Z",
    "--test-from": "2023-11-25T00:00Z",
    "--test-until": "2023-12-10T23:00Z",
}


@pytest.fixture(scope="module")
def candles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("candles"), holed_panel(), SYMBOLS)


def evaluate(folder: Path, out: Path, **changes: str) -> tuple[int, list[str]]:
    options = {
        "--candles": str(folder),
        "--out": str(out),
        "--models": "naive,rule",
        "--refit-every": "7d",
        "--workers": "1",
        **TIMES,
        **{f"--{name.replace('_', '-')}": value for name, value in changes.items()},
    }
    result = CliRunner().invoke(app, ["evaluate", *(t for pair in options.items() for t in pair)])
    return result.exit_code, result.output.splitlines()


def test_predictions_and_report_are_written(candles: Path, tmp_path: Path) -> None:
    code, lines = evaluate(candles, tmp_path)
    assert code == 0, lines
    table = pq.read_table(tmp_path / "predictions.parquet")
    assert {field.name: str(field.type) for field in table.schema} == {
        "symbol": "string",
        "open_time": "timestamp[ms, tz=UTC]",
        "target_open_time": "timestamp[ms, tz=UTC]",
        "model": "string",
        **dict.fromkeys(["last_close", "q05", "q25", "q50", "q75", "q95"], "double"),
        "actual_close": "double",
        "is_refused": "bool",
        "reason": "string",
    }
    assert set(table["model"].to_pylist()) == {"naive", "rule"}
    times = table["open_time"].to_pandas()
    assert times.min() == pd.Timestamp("2023-11-25T00:00Z")
    assert times.max() == pd.Timestamp("2023-12-06T14:00Z")  # the last that has a next close
    report = json.loads((tmp_path / "report.json").read_text())
    assert "rule" in json.dumps(report)
    assert (tmp_path / "report.md").read_text().startswith("# Evaluation")
    assert any("the candles end with 2023-12-06T15:00Z" in line for line in lines)
    rows = table.num_rows // 2
    assert any(f"{rows} coin-hours, " in line and " 2 models" in line for line in lines)


def test_the_same_command_takes_all_from_the_cache(candles: Path, tmp_path: Path) -> None:
    evaluate(candles, tmp_path)
    first = (tmp_path / "predictions.parquet").read_bytes()
    code, lines = evaluate(candles, tmp_path)
    assert code == 0
    assert [line.endswith("(kept)") for line in lines if "✓" in line] == [True] * 4
    assert (tmp_path / "predictions.parquet").read_bytes() == first


def test_the_champion_is_composed_as_the_settings_say(
    candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEXTHOUR_CHAMPION_MEMBERS", "rule,drift")
    code, lines = evaluate(candles, tmp_path, models="champion")
    assert code == 0, lines
    assert any("2 fits of 3 models, 6 tasks" in line for line in lines)
    report = json.loads((tmp_path / "report.json").read_text())
    assert list(report["models"]) == ["naive", "champion"]
    assert report["champion"]["members"] == ["rule", "drift"]
    assert len(report["champion"]["shrinkage"]) == 2
    assert "mean of `rule`, `drift`" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        ("rule,oracle", "NEXTHOUR_CHAMPION_MEMBERS: no model is called oracle; there are naive, "),
        ("rule,rule", "ChampionSettings: members: Value error, each member counts once"),
    ],
)
def test_a_wrong_composition_is_one_line(
    candles: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, members: str, complaint: str
) -> None:
    monkeypatch.setenv("NEXTHOUR_CHAMPION_MEMBERS", members)
    code, lines = evaluate(candles, tmp_path / "out")
    assert code == 2
    (line,) = lines
    assert complaint in line


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"models": "naive,prophet"}, "no model is called prophet; there are all, naive, "),
        ({"models": ","}, "no model is named; there are all, naive, "),
        ({"test_from": "2023-11-25"}, "--test-from: '2023-11-25' has no time zone; append Z"),
        ({"test_until": "2023-11-24T00:00Z"}, "--test-until lies before --test-from"),
        ({"train_until": "2023-11-25T00:00Z"}, "--train-until must lie before --test-from"),
        ({"train_until": "2023-10-20T00:00Z"}, "the candles must begin"),
        (
            {"test_from": "2024-03-01T00:00Z", "test_until": "2024-03-02T00:00Z"},
            "ends with the hour 2023-12-06T15:00Z, so that there is nothing to test",
        ),
        ({"refit_every": "2 months"}, "'2 months' is no duration; write days or hours as 60d"),
        ({"seeds": "0"}, "--seeds: 0 is not 1 … 20"),
        ({"candles": "nowhere"}, "nowhere is no folder: give the one that holds SYMBOL-1h.parquet"),
    ],
)
def test_a_wrong_option_is_one_line(
    candles: Path, tmp_path: Path, changes: dict[str, str], complaint: str
) -> None:
    code, lines = evaluate(candles, tmp_path / "out", **changes)
    assert code == 2
    (line,) = lines
    assert line.startswith("nexthour: ")
    assert complaint in line
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_is_one_line(tmp_path: Path) -> None:
    pq.write_table(pa.table({"close": [1.0]}), tmp_path / "BTCUSDT-1h.parquet")
    code, lines = evaluate(tmp_path, tmp_path / "out")
    assert code == 2
    (line,) = lines
    assert "no column open_time, open, high, low, volume; it needs open_time, open" in line


def test_an_out_that_is_a_file_is_one_line(candles: Path, tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    code, lines = evaluate(candles, tmp_path / "out")
    assert code == 2
    assert lines == [f"nexthour: cannot write to {tmp_path / 'out'}: File exists"]


@pytest.mark.parametrize(("text", "hours"), [("60d", 1440), ("1d", 24), ("12h", 12), (" 7d ", 168)])
def test_durations(text: str, hours: int) -> None:
    assert refit_hours(text) == hours


@pytest.mark.parametrize("text", ["", "60", "0d", "1.5d", "-1d", "60w", "999999d"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(LocalError, match="--refit-every"):
        refit_hours(text)


@pytest.mark.realdata
def test_two_weeks_of_two_real_coins(tmp_path: Path) -> None:
    """2023-03-24: the exchange halted for an hour, so that two days of both coins are refused."""
    folder = tmp_path / "candles"
    folder.mkdir()
    for symbol in ("BTCUSDT", "ETHUSDT"):
        name = f"{symbol}-1h.parquet"
        hours = pd.read_parquet(HOURLY / name)
        recent = hours[(hours["open_time"] >= "2022-06-01") & (hours["open_time"] < "2023-04-01")]
        recent.to_parquet(folder / name, index=False)
    code, lines = evaluate(
        folder,
        tmp_path / "out",
        train_until="2023-03-12T23:00Z",
        test_from="2023-03-15T00:00Z",
        test_until="2023-03-28T23:00Z",
        models="naive,drift,rule",
    )
    assert code == 0, lines
    frame = pd.read_parquet(tmp_path / "out" / "predictions.parquet")
    rows = 2 * (14 * 24 - 2)  # the halt is one hour that is no input, and one that is no target
    assert frame.groupby("model").size().to_dict() == dict.fromkeys(
        ["naive", "drift", "rule"], rows
    )
    refused = frame[frame["is_refused"]]
    assert refused.groupby(["model", "symbol"]).size().tolist() == [47] * 6
    assert set(refused["reason"]) == {"gap in the last 48 hours"}
    covered = (frame["actual_close"] >= frame["q05"]) & (frame["actual_close"] <= frame["q95"])
    assert 0.8 < covered.mean() < 0.97
