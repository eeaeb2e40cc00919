"""Rows of a source → the hours they tell, and what was refused with its reason. Pure.

Every row ends in exactly one place: kept, repeated (equal to a kept one), or rejected. The result
does not depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from conf.contracts.errors import ContractError
from conf.names import HOUR_MS, utc_time
from streaming.history.klines import Bar

TEXT_LIMIT = 500
CONFLICT = "conflict: rows of the same hour differ, none can be trusted"

Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is no possible hour.

    Attributes:
        position: of the row in its chunk, from 0.
        reason: one line.
        text: the row as it came, bounded, without characters that Postgres cannot hold.
    """

    position: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What became of a chunk's rows.

    Attributes:
        bars: each hour once, in order of time.
        rejections: by position.
        repeated: how many rows only said again what another one says.
    """

    bars: list[Bar]
    rejections: list[Rejection]
    repeated: int


def clean(rows: Iterable[Row], start_ms: int, end_ms: int, parse: Callable[[Row], Bar]) -> Cleaned:
    """Sort a chunk's rows out.

    Rows of an hour that differ are all rejected: nothing says which one is right, and an absent
    hour is honest where a wrong one is not. A row that is impossible in itself does not count as a
    witness against another.

    Args:
        rows: as the source has them, in any order.
        start_ms: first hour of the chunk, UTC epoch ms.
        end_ms: end of the chunk, exclusive; an hour must end by then.
        parse: raises ContractError for a row that is no bar.
    """
    rejections: list[Rejection] = []
    by_hour: dict[int, list[tuple[int, Row, Bar]]] = {}
    for position, row in enumerate(rows):
        try:
            bar = parse(row)
            _require_inside(bar, start_ms, end_ms)
        except ContractError as error:
            rejections.append(Rejection(position, str(error), row_text(row)))
            continue
        by_hour.setdefault(bar.open_time_ms, []).append((position, row, bar))
    bars: list[Bar] = []
    repeated = 0
    for _, told in sorted(by_hour.items()):
        if all(bar == told[0][2] for _, _, bar in told):
            bars.append(told[0][2])
            repeated += len(told) - 1
        else:
            rejections += [
                Rejection(position, CONFLICT, row_text(row)) for position, row, _ in told
            ]
    rejections.sort(key=lambda rejection: rejection.position)
    return Cleaned(bars, rejections, repeated)


def _require_inside(bar: Bar, start_ms: int, end_ms: int) -> None:
    if not start_ms <= bar.open_time_ms <= end_ms - HOUR_MS:
        bounds = f"{utc_time(start_ms):%Y-%m-%d %H:%M} .. {utc_time(end_ms):%Y-%m-%d %H:%M}"
        message = f"outside: not between {bounds}"
        raise ContractError(message)


def row_text(row: Row) -> str:
    """Return a row as one bounded line of text."""
    text = ",".join("" if cell is None else str(cell) for cell in row)
    clean_text = text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
    return clean_text[:TEXT_LIMIT]
