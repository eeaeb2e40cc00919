"""What a person may ask of `nexthour backfill`, and what it says in the end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from conf.names import epoch_ms
from nexthour.backfill_command import Options, bounds_of, chosen_symbols
from nexthour.backfill_progress import lines_of
from nexthour.cli import app
from streaming.history.backfill import Outcome
from streaming.history.sources import BackfillError

pytestmark = pytest.mark.unit


def test_symbols_are_those_asked_for_else_those_of_the_folder_or_run(tmp_path: Path) -> None:
    for symbol in ("ETHUSDT", "BTCUSDT"):
        (tmp_path / f"{symbol}-1h.parquet").touch()
    run = ("DOGEUSDT",)
    assert chosen_symbols(Options("rest"), run) == run
    assert chosen_symbols(Options("folder", tmp_path), run) == ("BTCUSDT", "ETHUSDT")
    asked = Options("folder", tmp_path, symbols=" btcusdt, ETHUSDT,BTCUSDT ,")
    assert chosen_symbols(asked, run) == ("BTCUSDT", "ETHUSDT")


@pytest.mark.parametrize("symbols", ["", ",", "../../etc", "BTC USDT", "A"])
def test_what_is_no_symbol_is_refused(symbols: str) -> None:
    with pytest.raises(BackfillError, match="no symbol"):
        chosen_symbols(Options("rest", symbols=symbols), ("BTCUSDT",))


def test_the_range_holds_both_ends_as_written() -> None:
    first, end = bounds_of(Options("rest", first="2023-02", last="2023"))
    assert first == epoch_ms(datetime(2023, 2, 1, tzinfo=UTC))
    assert end == epoch_ms(datetime(2024, 1, 1, tzinfo=UTC))
    with pytest.raises(BackfillError, match="--from 2024 lies after --until 2023"):
        bounds_of(Options("rest", first="2024", last="2023"))
    with pytest.raises(BackfillError, match="is no YYYY"):
        bounds_of(Options("rest", first="yesterday"))


@pytest.mark.parametrize(
    "options", [[], ["--from-rest", "--from-dumps"], ["--from-rest", "--from-folder", "."]]
)
def test_exactly_one_source_is_to_be_chosen(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["backfill", *options])
    assert result.exit_code == 2
    assert result.output.splitlines() == [
        "nexthour: choose one of --from-rest, --from-dumps and --from-folder DIR"
    ]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--from-folder", "nowhere"], "nowhere holds no SYMBOL-1h.parquet"),
        (["--from-rest", "--from", "soon"], "'soon' is no YYYY, YYYY-MM or YYYY-MM-DD"),
        (["--from-dumps", "--symbols", "a/b"], "A/B is no symbol"),
    ],
)
def test_a_wrong_option_is_one_line(options: list[str], complaint: str) -> None:
    result = CliRunner().invoke(app, ["backfill", *options])
    assert result.exit_code == 2
    (line,) = result.output.splitlines()
    assert complaint in line


def test_holes_are_the_months_between_those_the_source_has() -> None:
    outcome = Outcome("BTCUSDT", {"1": False, "2": True, "3": False, "4": True, "5": False})
    assert outcome.holes == ["3"]
    assert not outcome.is_empty
    assert Outcome("BTCUSDT", {"1": False}).holes == []
    assert Outcome("BTCUSDT", {"1": False}).is_empty


def test_the_end_tells_what_a_person_must_know() -> None:
    months = {"2020-01": True, **{f"2020-{n:02d}": False for n in range(2, 9)}, "2020-09": True}
    outcome = Outcome("MATICUSDT", months, skipped=1, rows=7, chunks=1, rejected=2, own=3)
    outcome.refusals.append("MATICUSDT-1h-2020-09.zip: it has no .CHECKSUM")
    text = "\n".join(lines_of(outcome))
    for part in (
        "7 hours in 1 chunks, 1 months loaded before, 2 rows rejected",
        "3 hours keep an own candle",
        "nothing of 2020-02, 2020-03, 2020-04, 2020-05, 2020-06 and 2 more",
        "refused: MATICUSDT-1h-2020-09.zip: it has no .CHECKSUM",
        "goes on as POLUSDT",
    ):
        assert part in text
    assert len(lines_of(Outcome("BTCUSDT", {"2020-01": True}, rows=1, chunks=1))) == 1
