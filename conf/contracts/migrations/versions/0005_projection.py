"""The fan of simulated paths, half a year ahead.

Revision ID: 0005
"""

from alembic import op

revision = "0005"
down_revision = "0004"

UPGRADE = """
CREATE TABLE projection (
    symbol       text NOT NULL,
    origin       timestamptz NOT NULL,
    horizon_days integer NOT NULL CHECK (horizon_days BETWEEN 1 AND 180),
    q05          double precision NOT NULL,
    q25          double precision NOT NULL,
    q50          double precision NOT NULL,
    q75          double precision NOT NULL,
    q95          double precision NOT NULL,
    last_close   double precision NOT NULL,
    method       text NOT NULL CHECK (method IN ('simulated', 'short history', 'pegged', 'depegged')),
    seed         bigint NOT NULL,
    written_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (symbol, origin, horizon_days),
    CHECK (q05 <= q25 AND q25 <= q50 AND q50 <= q75 AND q75 <= q95)
);
CREATE INDEX projection_by_origin ON projection (origin);
COMMENT ON TABLE projection IS 'One row per symbol, origin (UTC midnight after the last whole day known) and day ahead: quantiles of simulated prices in quote units. Scenarios, no forecast of direction. The same hours and seed give the same rows, so a repeated write replaces them.';

CREATE TABLE projection_path (
    symbol       text NOT NULL,
    origin       timestamptz NOT NULL,
    path         integer NOT NULL,
    horizon_days integer NOT NULL CHECK (horizon_days BETWEEN 1 AND 180),
    price        double precision NOT NULL,
    PRIMARY KEY (symbol, origin, path, horizon_days)
);
COMMENT ON TABLE projection_path IS 'A handful of sample paths of each fan, for a chart; the same path number is the same simulated world for all symbols of an origin.';

DO $$ BEGIN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO nexthour_reader', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON projection, projection_path TO nexthour_writer');
END $$;
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Refuse: what the new tables hold would be lost."""
    message = "this migration has no way back; restore the schema from a backup"
    raise NotImplementedError(message)
