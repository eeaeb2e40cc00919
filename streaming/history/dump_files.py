"""The exchange's public dump files: their names, their checksums, the rows inside. Pure."""

from __future__ import annotations

import csv
import io
import re
import zipfile

from conf.contracts.errors import ContractError
from streaming.history.months import Part

Row = list[str]

# The hours of a month are 100 KB of text; what unpacks to so much more is no dump.
MOST_BYTES = 16 * 2**20
_CHECKSUM = re.compile(r"([0-9a-fA-F]{64})(?:\s+\*?(\S+))?")


def dump_path(symbol: str, part: Part) -> str:
    """Return the path of a month's or day's hourly klines below the host."""
    kind = "monthly" if len(part.name) == len("YYYY-MM") else "daily"
    return f"/data/spot/{kind}/klines/{symbol}/1h/{dump_name(symbol, part)}"


def dump_name(symbol: str, part: Part) -> str:
    """Return the name of a month's or day's file."""
    return f"{symbol}-1h-{part.name}.zip"


def parse_checksum(text: str, name: str) -> str:
    """Return the SHA-256, in lower case, that a ``.CHECKSUM`` file states for a dump.

    Raises:
        ContractError: if it states none, or that of another file.
    """
    match = _CHECKSUM.fullmatch(text.strip())
    if match is None:
        message = "its .CHECKSUM holds no SHA-256"
        raise ContractError(message)
    digest, stated_name = match.groups()
    if stated_name is not None and stated_name != name:
        message = f"its .CHECKSUM is that of {stated_name}"
        raise ContractError(message)
    return digest.lower()


def rows_of(content: bytes) -> list[Row]:
    """Return the rows of the one CSV in a zip; a header line is left out, and so are empty lines.

    Raises:
        ContractError: if it is no such zip.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = [name for name in archive.namelist() if name.endswith(".csv")]
            if len(names) != 1:
                message = f"it holds {len(names)} CSV files, not one"
                raise ContractError(message)
            with archive.open(names[0]) as member:
                data = member.read(MOST_BYTES + 1)
    except ContractError:
        raise
    except Exception as error:  # from a damaged zip any error may come, not only BadZipFile
        message = f"it is no readable zip: {error}"
        raise ContractError(message) from error
    if len(data) > MOST_BYTES:
        message = f"it unpacks to more than {MOST_BYTES} bytes"
        raise ContractError(message)
    text = data.decode("utf-8-sig", errors="replace").replace("\x00", "\ufffd")
    try:
        rows = [row for row in csv.reader(io.StringIO(text)) if row]
    except csv.Error as error:
        message = f"it is no CSV: {error}"
        raise ContractError(message) from error
    return rows[1:] if rows and is_header(rows[0]) else rows


def is_header(row: Row) -> bool:
    """Tell whether a first line names columns, as futures dumps do and spot dumps may."""
    first = row[0].strip().lower()
    return first.replace("_", " ") in ("open time", "opentime", "timestamp", "time")
