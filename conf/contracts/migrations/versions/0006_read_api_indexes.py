"""Indexes of the read API: what was written lately, and incidents by time.

Revision ID: 0006
"""

from alembic import op

revision = "0006"
down_revision = "0005"

UPGRADE = """
CREATE INDEX candle_by_writing ON candle (updated_at) WHERE verdict IS DISTINCT FROM 'history';
COMMENT ON INDEX candle_by_writing IS 'For the stream of new candles; loaded history is none of it.';
CREATE INDEX forecast_by_writing ON forecast (written_at);
CREATE INDEX incident_by_start ON incident (started_at, id);
"""


def upgrade() -> None:
    """Add the indexes; on ten coins with ten years of hours it takes a second or two."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Take them away again: no row is lost."""
    op.execute("DROP INDEX candle_by_writing, forecast_by_writing, incident_by_start")
