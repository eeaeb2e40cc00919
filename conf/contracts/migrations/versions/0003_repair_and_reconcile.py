"""Repairs asked for and done, comparisons of the stores, loaded history, renamed symbols.

Revision ID: 0003
"""

from alembic import op

revision = "0003"
down_revision = "0002"

UPGRADE = """
CREATE TABLE repair (
    symbol       text NOT NULL,
    open_time    timestamptz NOT NULL,
    reason       text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    requests     integer NOT NULL DEFAULT 1,
    state        text NOT NULL DEFAULT 'wanted' CHECK (state IN ('wanted', 'done', 'unchanged', 'failed')),
    revision     integer,
    detail       text,
    done_at      timestamptz,
    PRIMARY KEY (symbol, open_time)
);
CREATE INDEX repair_wanted ON repair (open_time) WHERE state = 'wanted';
COMMENT ON TABLE repair IS 'One row per hour that was ever asked to be rebuilt; a new request sets it back to wanted.';

CREATE TABLE reconcile_run (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at  timestamptz NOT NULL,
    from_time    timestamptz NOT NULL,
    until_time   timestamptz NOT NULL,
    is_green     boolean NOT NULL,
    stores       text[] NOT NULL
);
COMMENT ON TABLE reconcile_run IS 'One row per comparison of the stores; until_time is exclusive.';
CREATE TABLE reconcile_result (
    run_id      bigint NOT NULL REFERENCES reconcile_run ON DELETE CASCADE,
    symbol      text NOT NULL,
    store       text NOT NULL,
    expected    integer NOT NULL,
    equal       integer NOT NULL,
    missing     integer NOT NULL,
    different   integer NOT NULL,
    surplus     integer NOT NULL,
    PRIMARY KEY (run_id, symbol, store)
);
COMMENT ON TABLE reconcile_result IS 'One row per run, symbol and store, in hours; green if equal = expected and the rest is 0.';
CREATE TABLE reconcile_difference (
    run_id     bigint NOT NULL REFERENCES reconcile_run ON DELETE CASCADE,
    symbol     text NOT NULL,
    open_time  timestamptz NOT NULL,
    store      text NOT NULL,
    difference text NOT NULL
);
CREATE INDEX reconcile_difference_by_run ON reconcile_difference (run_id, symbol, open_time);

CREATE TABLE history_load (
    symbol     text NOT NULL,
    source     text NOT NULL,
    chunk      text NOT NULL,
    checksum   text,
    rows       integer NOT NULL,
    rejected   integer NOT NULL,
    loaded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (symbol, source, chunk)
);
COMMENT ON TABLE history_load IS 'One row per part of the history that was loaded whole; a later run goes on behind it.';
CREATE TABLE history_rejection (
    symbol     text NOT NULL,
    source     text NOT NULL,
    chunk      text NOT NULL,
    position   integer NOT NULL,
    reason     text NOT NULL,
    row_text   text NOT NULL,
    PRIMARY KEY (symbol, source, chunk, position)
);
COMMENT ON TABLE history_rejection IS 'One row per row of a source that is no possible hour, and why.';
CREATE TABLE symbol_change (
    old_symbol text NOT NULL,
    new_symbol text NOT NULL,
    ended_at   timestamptz NOT NULL,
    began_at   timestamptz NOT NULL,
    ratio      numeric NOT NULL,
    PRIMARY KEY (old_symbol, new_symbol)
);
COMMENT ON TABLE symbol_change IS 'Two symbols of one asset, one after the other; one old unit became ratio new ones.';

ALTER TABLE forecast ADD COLUMN input_revision integer;
COMMENT ON COLUMN forecast.input_revision IS 'Revision of the candle that last_close was taken from; a later repair leaves it as it was.';

DO $$ BEGIN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO nexthour_reader', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON repair, reconcile_run, reconcile_result, reconcile_difference, history_load, history_rejection, symbol_change TO nexthour_writer');
END $$;
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Refuse: what the new tables hold would be lost."""
    message = "this migration has no way back; restore the schema from a backup"
    raise NotImplementedError(message)
