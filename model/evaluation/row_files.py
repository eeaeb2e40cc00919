"""Rows as .npy files of a folder, which every process that fits maps into its memory.

Mapped files are shared through the page cache: their features are in memory once, however many
processes read them. A folder is whole or absent, and named by all that its rows are made of.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
import orjson

from conf.names import HOUR_MS
from model.evaluation.hours import Hours
from model.evaluation.rows import Rows, make_rows
from model.evaluation.settings import EvaluationSettings
from model.evaluation.source_digest import source_digest
from model.feature_spec import FeatureSpec

PREFIX = "rows-"
META = "rows.json"
COLUMNS = ("open_time_ms", "coin", "sigma", "close", "next_close", "z", "week_ago", "feature")
USABLE = -1
_CODE = (
    *("features.py", "feature_spec.py", "grid.py", "exogenous.py"),
    *(f"evaluation/{name}.py" for name in ("hours", "rows", "row_files")),
)


def keep_rows(
    hours: Hours,
    from_ms: int,
    until_ms: int,
    settings: EvaluationSettings,
    cache: Path,
    on_hours: Callable[[int], None] = lambda _: None,
) -> Rows:
    """Return the rows of `make_rows` as mapped files, made only if they are not there yet.

    One set of rows is kept: those of other candles or bounds are removed, some 3 kB a row.

    Args:
        hours: candles of all coins.
        from_ms: UTC epoch ms of a full hour.
        until_ms: likewise; hours after the data's end are left out.
        settings: chunk size, stable coins, lead.
        cache: folder that the rows' folder is made in.
        on_hours: told how many hours are done after each chunk.

    Raises:
        OSError: if there is no room.
    """
    folder = cache / (PREFIX + _name(hours, from_ms, until_ms, settings))
    for other in cache.glob(f"{PREFIX}*"):
        if other != folder:
            shutil.rmtree(other)
    if not folder.is_dir():
        partial = folder.with_suffix(".partial")
        partial.mkdir(parents=True)

        def place(name: str, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
            return _room(partial / f"{name}.npy", shape)

        _write(make_rows(hours, from_ms, until_ms, settings, on_hours, place), partial)
        partial.rename(folder)
    return open_rows(folder)


def open_rows(folder: Path) -> Rows:
    """Map the rows of a folder.

    Raises:
        OSError: if the folder is not there.
    """
    meta = orjson.loads((folder / META).read_bytes())
    reasons = np.array([*meta["reasons"], None], dtype=object)
    columns = {name: np.load(folder / f"{name}.npy") for name in COLUMNS}
    count = int(columns["feature"].max(initial=-1)) + 1
    return Rows(
        spec=FeatureSpec.from_dict(meta["spec"]),
        **columns,
        reason=reasons[np.load(folder / "reason.npy")],
        sequence=_mapped(folder / "sequence.npy", count),
        static=_mapped(folder / "static.npy", count),
        folder=folder,
    )


def _room(file: Path, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Return a new file as an array to be written."""
    if 0 in shape:  # nothing that could be mapped
        np.save(file, np.empty(shape, dtype=np.float32))
        return np.empty(shape, dtype=np.float32)
    if shutil.disk_usage(file.parent).free < 4 * shape[0] * shape[1]:
        # A mapped file has holes until it is written; without this a full disk is a SIGBUS.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(file))
    room: npt.NDArray[np.float32] = np.lib.format.open_memmap(  # type: ignore[no-untyped-call]
        file, mode="w+", dtype=np.float32, shape=shape
    )
    return room


def _mapped(file: Path, count: int) -> npt.NDArray[np.float32]:
    # As a plain array: each part of a memmap would carry the file along.
    mapped: npt.NDArray[np.float32] = np.asarray(np.load(file, mmap_mode="r" if count else None))
    return mapped[:count]


def _write(rows: Rows, folder: Path) -> None:
    """Write all but the features, which lie there already."""
    for name in COLUMNS:
        np.save(folder / f"{name}.npy", getattr(rows, name))
    reasons = sorted({reason for reason in rows.reason.tolist() if reason is not None})
    number = {reason: code for code, reason in enumerate(reasons)} | {None: USABLE}
    codes = np.array([number[reason] for reason in rows.reason.tolist()], dtype=np.int8)
    np.save(folder / "reason.npy", codes)
    meta = {"spec": rows.spec.to_dict(), "reasons": reasons}
    (folder / META).write_bytes(orjson.dumps(meta, option=orjson.OPT_INDENT_2))


def _name(hours: Hours, from_ms: int, until_ms: int, settings: EvaluationSettings) -> str:
    """Return 16 hex characters of all that the rows are made of."""
    body = {
        "candles": hours.digest(until_ms + HOUR_MS),
        "from_ms": from_ms,
        "until_ms": until_ms,
        "settings": asdict(settings),
        "code": source_digest(_CODE),
    }
    return hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
