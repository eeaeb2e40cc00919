"""What a forecast was calibrated with, its score as a row of its own, and the life of model versions.

Revision ID: 0004
"""

from alembic import op

revision = "0004"
down_revision = "0003"

UPGRADE = """
ALTER TABLE forecast
    ADD COLUMN sigma        double precision,
    ADD COLUMN raw_z        double precision[],
    ADD COLUMN base_z       double precision[],
    ADD COLUMN alphas       double precision[],
    ADD COLUMN is_guarded   boolean NOT NULL DEFAULT false,
    ADD COLUMN is_depegged  boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN forecast.sigma IS 'Hourly volatility of log-returns at the input hour, the unit of raw_z and base_z.';
COMMENT ON COLUMN forecast.raw_z IS 'Quantiles of z as the model composed them, before guard and calibration; with is_guarded, alphas and the scores the bands can be made again.';
COMMENT ON COLUMN forecast.base_z IS 'Quantiles of z of the last close with EWMA bands, the baseline that the score compares with.';
COMMENT ON COLUMN forecast.alphas IS 'Adapted share outside of each pair of levels, outermost first, that the calibration had for this forecast.';

DROP VIEW forecast_score;
CREATE TABLE forecast_score (
    id               bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    symbol           text NOT NULL,
    target_open_time timestamptz NOT NULL,
    model_version    text NOT NULL,
    kind             text NOT NULL,
    candle_revision  integer NOT NULL,
    verdict          text NOT NULL,
    last_close       numeric NOT NULL,
    actual_close     numeric NOT NULL,
    is_fallback      boolean NOT NULL,
    abs_error        numeric NOT NULL,
    naive_abs_error  numeric NOT NULL,
    in_band_50       boolean NOT NULL,
    in_band_90       boolean NOT NULL,
    z                double precision,
    pinball          double precision,
    naive_pinball    double precision,
    alphas_after     double precision[],
    scored_at        timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (symbol, target_open_time, model_version, kind, candle_revision),
    FOREIGN KEY (symbol, target_open_time, model_version, kind)
        REFERENCES forecast (symbol, target_open_time, model_version, kind)
);
CREATE INDEX forecast_score_by_time ON forecast_score (kind, target_open_time);
CREATE INDEX forecast_score_lessons ON forecast_score (kind, symbol, id) WHERE alphas_after IS NOT NULL;
COMMENT ON TABLE forecast_score IS 'One row per forecast and revision of the candle that it was compared with. z and the pinball losses (in sigmas) are null where the close is disputed; naive is the last close with EWMA bands. alphas_after: the calibration''s shares once it had learned this row, null where it learned nothing; the order of learning is that of id.';
CREATE VIEW forecast_score_current AS
SELECT DISTINCT ON (symbol, target_open_time, model_version, kind) *
FROM forecast_score
ORDER BY symbol, target_open_time, model_version, kind, candle_revision DESC;

CREATE TABLE calibration_seed (
    kind          text NOT NULL CHECK (kind IN ('live', 'shadow')),
    model_version text NOT NULL,
    symbol        text NOT NULL,
    state         jsonb NOT NULL,
    written_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (kind, model_version, symbol)
);
COMMENT ON TABLE calibration_seed IS 'What guard and calibration began with: for live forecasts once, at the first of them; for shadow forecasts once per version.';

ALTER TABLE model_version DROP CONSTRAINT model_version_status_check;
ALTER TABLE model_version ADD CONSTRAINT model_version_status_check
    CHECK (status IN ('candidate', 'shadow', 'bootstrap', 'champion', 'previous', 'retired', 'rejected'));

CREATE TABLE model_event (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at   timestamptz NOT NULL,
    kind          text NOT NULL,
    model_version text,
    reason        text NOT NULL,
    detail        jsonb NOT NULL DEFAULT '{}',
    written_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX model_event_by_time ON model_event (happened_at);
COMMENT ON TABLE model_event IS 'What was done with versions and why: trained, rejected, shadow, promoted, rolled_back, retired, drift. happened_at is exchange time.';

DO $$ BEGIN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO nexthour_reader', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON forecast_score, calibration_seed, model_event TO nexthour_writer');
END $$;
"""


def upgrade() -> None:
    """Add the columns and tables; the view `forecast_score` becomes a table, filled by the query."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Refuse: what the new tables hold would be lost."""
    message = "this migration has no way back; restore the schema from a backup"
    raise NotImplementedError(message)
