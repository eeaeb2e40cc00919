"""What is shown, as a file: CSV for people and spreadsheets, Parquet with exact types. Pure.

Times are UTC, prices exact decimals (in Parquet `decimal128`), whatever the page shows.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

import pandas as pd


def frame_of(records: Sequence[Any], record: type[Any]) -> pd.DataFrame:
    """Return a frame with a column per field of the records, also without any."""
    columns = [field.name for field in fields(record)]
    return pd.DataFrame([asdict(one) for one in records], columns=columns)


def to_csv(frame: pd.DataFrame) -> bytes:
    """Return a CSV file with a header; times as ISO 8601 with their zone."""
    shown = frame.copy()
    for name in shown.columns:
        if isinstance(shown[name].dtype, pd.DatetimeTZDtype):
            shown[name] = shown[name].map(lambda time: time.isoformat(), na_action="ignore")
    return shown.to_csv(index=False).encode()


def to_parquet(frame: pd.DataFrame) -> bytes:
    """Return a Parquet file."""
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    return buffer.getvalue()


FORMATS: Mapping[str, tuple[str, Callable[[pd.DataFrame], bytes]]] = {
    "csv": ("text/csv", to_csv),
    "parquet": ("application/vnd.apache.parquet", to_parquet),
}
"""By the file's ending: its type and its writer."""
