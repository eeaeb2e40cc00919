"""Dump files: names, checksums, and what may be wrong with a zip."""

from __future__ import annotations

import hashlib
import io
import zipfile
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conf.contracts.errors import ContractError
from conf.names import HOUR_MS
from streaming.history import dump_files
from streaming.history.dump_files import dump_path, parse_checksum, rows_of
from streaming.history.klines import parse_bar
from streaming.history.months import days_of, month_of

pytestmark = pytest.mark.unit

FEBRUARY = month_of(1_706_745_600_000)
DIGEST = hashlib.sha256(b"dump").hexdigest()
NAME = "BTCUSDT-1h-2024-02.zip"


def zipped(*members: tuple[str, str]) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members:
            archive.writestr(name, text)
    return content.getvalue()


def line(open_ms: int) -> str:
    return f"{open_ms},5,7,4,6,10,{open_ms + HOUR_MS - 1},55,3,4,22,0"


def test_paths_are_those_of_the_exchange() -> None:
    folder = "/data/spot/{}/klines/BTCUSDT/1h/BTCUSDT-1h-"
    assert dump_path("BTCUSDT", FEBRUARY) == folder.format("monthly") + "2024-02.zip"
    assert dump_path("BTCUSDT", days_of(FEBRUARY)[28]) == folder.format("daily") + "2024-02-29.zip"


@pytest.mark.parametrize(
    "text", [f"{DIGEST}  {NAME}\n", f"{DIGEST.upper()} *{NAME}", DIGEST, f"{DIGEST}\n"]
)
def test_a_checksum_is_read(text: str) -> None:
    assert parse_checksum(text, NAME) == DIGEST


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no SHA-256"),
        (DIGEST[:-1], "no SHA-256"),
        (f"<html>{DIGEST}</html>", "no SHA-256"),
        (f"{DIGEST}  BTCUSDT-1h-2024-03.zip", "is that of BTCUSDT-1h-2024-03.zip"),
    ],
)
def test_a_checksum_that_says_nothing_of_this_file_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        parse_checksum(text, NAME)


@pytest.mark.parametrize(
    "header", ["open_time,open,high", "Open time,Open", "\ufeffopen_time,open"]
)
def test_a_header_is_no_row_but_a_broken_first_row_is(header: str) -> None:
    row = line(FEBRUARY.start_ms)
    rows = rows_of(zipped(("x.csv", f"{header}\n{row}\n\n")))
    assert rows == [row.split(",")]
    assert parse_bar(rows[0]).trades == 3
    assert rows_of(zipped(("x.csv", f"rubbish,1\n{row}\n")))[0] == ["rubbish", "1"]
    assert rows_of(zipped(("x.csv", "\ufeff" + row)))[0] == row.split(",")
    assert rows_of(zipped(("x.csv", ""))) == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no readable zip"),
        (b"<html>not found</html>", "no readable zip"),
        (zipped(), "0 CSV files"),
        (zipped(("a.csv", ""), ("b.csv", "")), "2 CSV files"),
        (zipped(("readme.txt", "")), "0 CSV files"),
    ],
)
def test_what_is_no_dump_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        rows_of(content)


def test_a_zip_that_swells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump_files, "MOST_BYTES", 1_000)
    assert rows_of(zipped(("x.csv", "1" * 1_000))) == [["1" * 1_000]]
    with pytest.raises(ContractError, match="unpacks to more"):
        rows_of(zipped(("x.csv", "1" * 1_001)))


GOOD = zipped(("x.csv", "\n".join(line(FEBRUARY.start_ms + n * HOUR_MS) for n in range(50))))


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255), st.integers(0, len(GOOD)))
def test_a_damaged_zip_gives_rows_or_a_reason_never_another_error(
    place: int, change: int, length: int
) -> None:
    damaged = bytearray(GOOD)
    damaged[place] ^= change
    for content in (bytes(damaged), GOOD[:length]):
        with suppress(ContractError):
            assert all(rows_of(content))
