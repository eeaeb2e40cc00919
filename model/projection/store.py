"""The newest fan in Postgres.

Guarantee: the fan of an origin is replaced whole, in one transaction; fans of older origins stay, so
that what was shown can be compared with what came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
from psycopg2.extras import execute_values

from model.projection.serve import Projection

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name

FAN = (
    "symbol",
    "origin",
    "horizon_days",
    "q05",
    "q25",
    "q50",
    "q75",
    "q95",
    "last_close",
    "method",
)
PATH = ("symbol", "origin", "path", "horizon_days", "price")


def write_projection(connection: Connection, projection: Projection, seed: int) -> int:
    """Write a fan and its sample paths; return the number of rows of the fan.

    Raises:
        psycopg2.Error: if the store refuses; nothing is written then.
    """
    origin = projection.origin.to_pydatetime()
    with connection, connection.cursor() as cursor:
        for table in ("projection", "projection_path"):
            cursor.execute(f"DELETE FROM {table} WHERE origin = %s", (origin,))  # noqa: S608 - own names
        execute_values(
            cursor,
            f"INSERT INTO projection ({', '.join(FAN)}, seed) VALUES %s",  # noqa: S608 - own names
            [(*row, seed) for row in _rows(projection.rows, FAN)],
            page_size=1000,
        )
        execute_values(
            cursor,
            f"INSERT INTO projection_path ({', '.join(PATH)}) VALUES %s",  # noqa: S608 - own names
            _rows(projection.samples, PATH),
            page_size=1000,
        )
    return len(projection.rows)


def _rows(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[tuple[object, ...]]:
    """Return rows of Python's own values, which psycopg2 knows."""
    lists = [
        frame[name].dt.to_pydatetime().tolist() if name == "origin" else frame[name].tolist()
        for name in columns
    ]
    return list(zip(*lists, strict=True))
