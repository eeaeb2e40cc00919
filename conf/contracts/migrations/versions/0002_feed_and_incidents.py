"""What the monitor writes: incidents and feed status as on the topics, and how far it has read.

Revision ID: 0002
"""

from alembic import op

revision = "0002"
down_revision = "0001"

UPGRADE = """
ALTER TABLE incident RENAME COLUMN happened_at TO started_at;
ALTER TABLE incident
    ADD COLUMN producer         text,
    ADD COLUMN ended_at         timestamptz,
    ADD COLUMN duration_ms      bigint,
    ADD COLUMN source_partition integer,
    ADD COLUMN source_offset    bigint,
    ADD COLUMN source_time      timestamptz,
    ADD CONSTRAINT incident_once UNIQUE (source_partition, source_offset, source_time);
CREATE INDEX incident_by_kind ON incident (kind, id);
COMMENT ON TABLE incident IS 'Append-only: one row per message of the topic incidents. started_at and ended_at are exchange time, written_at wall time; kinds in conf/contracts/incidents.py.';
COMMENT ON COLUMN incident.duration_ms IS 'Exchange time from start to end; null while it lasts, or where it has no length.';
COMMENT ON COLUMN incident.source_time IS 'Kafka''s time of the message: tells apart equal offsets of a topic that was made anew.';

ALTER TABLE feed_status
    ADD COLUMN producer        text,
    ADD COLUMN state           text,
    ADD COLUMN exchange_time   timestamptz,
    ADD COLUMN lag_ms          bigint,
    ADD COLUMN connected_since timestamptz,
    ADD COLUMN held            bigint;
COMMENT ON TABLE feed_status IS 'One row per symbol: the newest message of the topic feed; states in conf/contracts/feed.py. last_trade_time, connected_since and lag_ms are exchange time.';
COMMENT ON COLUMN feed_status.exchange_time IS 'The exchange''s clock when this was so.';
COMMENT ON COLUMN feed_status.updated_at IS 'The wall clock at that same moment, never in the future.';
COMMENT ON COLUMN feed_status.held IS 'Trades that wait behind a hole.';

CREATE TABLE topic_position (
    reader      text NOT NULL,
    topic       text NOT NULL,
    partition   integer NOT NULL,
    next_offset bigint NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (reader, topic, partition)
);
COMMENT ON TABLE topic_position IS 'How far a reader of a topic has come, written in the same transaction as what it read.';
GRANT SELECT ON topic_position TO nexthour_reader;
GRANT SELECT, INSERT, UPDATE, DELETE ON topic_position TO nexthour_writer;
"""


def upgrade() -> None:
    """Extend both tables, keep their rows, and add the positions."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Refuse: what the new columns hold would be lost."""
    message = "this migration has no way back; restore the schema from a backup"
    raise NotImplementedError(message)
