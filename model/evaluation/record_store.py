"""Finished evaluations in Postgres.

Guarantee: an evaluation is written in one transaction, and once: known by its digest, a repeated write
changes nothing but how many of its last days are kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson
from psycopg2.extras import Json, execute_values

from model.evaluation.record import PREDICTION, Record

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own name
    from psycopg2.extensions import cursor as Cursor  # noqa: N812 - likewise

_TIMES = ("open_time", "target_open_time")


def write_record(connection: Connection, record: Record) -> bool:
    """Write an evaluation; return whether it was new.

    Args:
        connection: to the namespace's schema, in no transaction.
        record: what to write.

    Raises:
        psycopg2.Error: if the store refuses; nothing is written then.
    """
    digest = record.digest
    with connection, connection.cursor() as cursor:
        is_new = _insert(cursor, "evaluation_run", [record.run]) == 1
        if is_new:
            models = [
                {"digest": digest, **row, "figures": Json(row["figures"], dumps=_text)}
                for row in record.models
            ]
            _insert(cursor, "evaluation_model", models)
        _replace_predictions(cursor, record)
    return is_new


def _insert(cursor: Cursor, table: str, rows: Sequence[Mapping[str, Any]]) -> int:
    columns = list(rows[0])
    execute_values(
        cursor,
        f"INSERT INTO {table} ({', '.join(columns)}) VALUES %s ON CONFLICT DO NOTHING",  # noqa: S608 - own names
        [tuple(row[name] for name in columns) for row in rows],
        page_size=len(rows),
    )
    return int(cursor.rowcount)


def _replace_predictions(cursor: Cursor, record: Record) -> None:
    """Write the rows of the last days that are not there, and take away those that are too old."""
    rows = record.predictions
    lists = [
        [time.to_pydatetime() for time in rows[name]] if name in _TIMES else rows[name].tolist()
        for name in PREDICTION
    ]
    cursor.execute(
        "DELETE FROM evaluation_prediction WHERE digest = %s AND target_open_time < %s",
        (record.digest, rows["target_open_time"].min().to_pydatetime()),
    )
    execute_values(
        cursor,
        f"INSERT INTO evaluation_prediction (digest, {', '.join(PREDICTION)}) VALUES %s "  # noqa: S608 - own names
        "ON CONFLICT DO NOTHING",
        [(record.digest, *values) for values in zip(*lists, strict=True)],
        page_size=1000,
    )


def _text(value: object) -> str:
    return orjson.dumps(value).decode()
