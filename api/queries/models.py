"""Model versions and how long each has served."""

from __future__ import annotations

from psycopg2.extensions import connection as Connection  # noqa: N812 - psycopg2's own class name

from api.queries.base import Row, Stamped, rows, stamp_of, stamped

MOST_MODELS = 1_000
"""Weekly retraining gives 52 a year."""

_COLUMNS = (
    "m.version, m.status, m.created_at, m.sha256, m.weights_hash, m.trained_from, "
    "m.trained_until, m.train_rows, m.val_pinball, m.ewma_pinball, m.val_rmae, m.fit_seconds"
)
_SERVED = """
SELECT model_version, count(*)::int AS hours_served, max(target_open_time) AS last_served
FROM forecast_run WHERE kind = 'live' GROUP BY model_version
"""
_CHOSEN = """
SELECT * FROM model_version WHERE %(version)s IS NULL OR version = %(version)s
ORDER BY created_at DESC, version LIMIT %(most)s
"""
_MODELS = f"""
SELECT {_COLUMNS}, coalesce(r.hours_served, 0) AS hours_served, r.last_served {{more}}
FROM ({_CHOSEN}) AS m LEFT JOIN ({_SERVED}) AS r ON r.model_version = m.version
ORDER BY m.created_at DESC, m.version LIMIT %(most)s
"""  # noqa: S608 - made of constants
# A version is written once but for its status; the registry's weights never change.
_KEYS = f"""
SELECT m.version, m.status, m.created_at, r.hours_served, r.last_served
FROM ({_CHOSEN}) AS m LEFT JOIN ({_SERVED}) AS r ON r.model_version = m.version LIMIT %(most)s
"""  # noqa: S608 - made of constants


class ModelQuery:
    """All versions, newest first, or one with its manifest.

    Args:
        version: the one, or None for all.
    """

    def __init__(self, version: str | None = None) -> None:
        self._values = {"version": version, "most": MOST_MODELS}
        self._page = _MODELS.format(more="" if version is None else ", m.manifest")

    def stamped(self, connection: Connection) -> Stamped:
        """Return source and stamp of the list."""
        return stamped(connection, stamp_of(_KEYS), self._values)

    def rows(self, connection: Connection) -> tuple[list[Row], None]:
        """Return the documents."""
        return rows(connection, self._page, self._values), None
