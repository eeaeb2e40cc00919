"""Finished evaluations: the league table of each, and forecasts of its best model beside what came.

Revision ID: 0008
"""

from alembic import op

revision = "0008"
down_revision = "0007"

UPGRADE = """
CREATE TABLE evaluation_run (
    digest          text PRIMARY KEY,
    evaluated_at    timestamptz NOT NULL,
    train_until     timestamptz NOT NULL,
    first_open_time timestamptz NOT NULL,
    last_open_time  timestamptz NOT NULL,
    hours           integer NOT NULL,
    rows_per_model  integer NOT NULL,
    refit_hours     integer NOT NULL,
    seeds           bigint[] NOT NULL,
    coins           text[] NOT NULL,
    stable_coins    text[] NOT NULL,
    warnings        text[] NOT NULL,
    data_digest     text NOT NULL,
    commit          text NOT NULL,
    shown_model     text NOT NULL
);
CREATE INDEX evaluation_run_by_time ON evaluation_run (evaluated_at);
COMMENT ON TABLE evaluation_run IS 'One row per finished evaluation (nexthour evaluate --record); the newest evaluated_at is the one to show. A repeated record of the same evaluation changes nothing.';
COMMENT ON COLUMN evaluation_run.digest IS 'SHA-256 of the choices, the candles and the predictions: the same evaluation has the same digest.';
COMMENT ON COLUMN evaluation_run.evaluated_at IS 'Wall time at which the evaluation was first recorded.';
COMMENT ON COLUMN evaluation_run.train_until IS 'Opening of the last hour that the first fit may see.';
COMMENT ON COLUMN evaluation_run.first_open_time IS 'Opening of the first hour from whose close a forecast was made; last_open_time is that of the last one.';
COMMENT ON COLUMN evaluation_run.refit_hours IS 'Hours from one fit to the next.';
COMMENT ON COLUMN evaluation_run.coins IS 'Volatile coins, over which all figures of evaluation_model are pooled; stable_coins are reported apart.';
COMMENT ON COLUMN evaluation_run.warnings IS 'Figures too good to be true, and quantiles that cross, as in report.json.';
COMMENT ON COLUMN evaluation_run.data_digest IS 'SHA-256 of the candles and outside columns that were read.';
COMMENT ON COLUMN evaluation_run.commit IS 'Git commit of the code, unknown outside of a checkout.';
COMMENT ON COLUMN evaluation_run.shown_model IS 'Whose forecasts are in evaluation_prediction: the champion, or without one the best of the league but for the last price itself.';

CREATE TABLE evaluation_model (
    digest             text NOT NULL REFERENCES evaluation_run ON DELETE CASCADE,
    model              text NOT NULL,
    place              integer NOT NULL,
    is_better          boolean NOT NULL,
    rmae               double precision,
    rmae_low           double precision,
    rmae_high          double precision,
    da                 double precision,
    da_se              double precision,
    da_low             double precision,
    da_high            double precision,
    dm_t               double precision,
    pinball_skill      double precision,
    dm_t_pinball       double precision,
    coverage_50        double precision,
    coverage_90        double precision,
    width_90           double precision,
    ic                 double precision,
    mape               double precision,
    refused            double precision NOT NULL,
    seeds              integer NOT NULL,
    rmae_mean          double precision,
    rmae_sd            double precision,
    da_mean            double precision,
    da_sd              double precision,
    dm_t_mean          double precision,
    dm_t_sd            double precision,
    pinball_skill_mean double precision,
    pinball_skill_sd   double precision,
    coverage_90_mean   double precision,
    coverage_90_sd     double precision,
    fits               integer,
    fit_s              double precision,
    score_s            double precision,
    peak_mib           integer,
    figures            jsonb NOT NULL,
    PRIMARY KEY (digest, model),
    UNIQUE (digest, place)
);
COMMENT ON TABLE evaluation_model IS 'The league table: one row per evaluation and model, of the mean of its seeds'' forecasts over the volatile coins. Shares are in [0, 1], mape in percent; null stands where a figure has no meaning.';
COMMENT ON COLUMN evaluation_model.place IS 'In the order of rmae, 1 for the least.';
COMMENT ON COLUMN evaluation_model.is_better IS 'Better than the last price: rmae below 1 with a dm_t of at least 2.';
COMMENT ON COLUMN evaluation_model.rmae IS 'Mean absolute error over that of the last price, mean over coins; rmae_low and rmae_high are a 95 % bootstrap interval over weeks.';
COMMENT ON COLUMN evaluation_model.da IS 'Directional accuracy; da_low and da_high are its 95 % bootstrap interval over whole weeks (coins move together), da_se the standard error that this interval is worth: its width over 3.92.';
COMMENT ON COLUMN evaluation_model.dm_t IS 'Diebold-Mariano t of the absolute error against the last price; above 0 the model is better. dm_t_pinball: of the pinball loss.';
COMMENT ON COLUMN evaluation_model.pinball_skill IS '1 - pinball loss over that of the last price with EWMA bands.';
COMMENT ON COLUMN evaluation_model.coverage_90 IS 'Share of closes inside the 90 % band; width_90 is the band''s width over that of EWMA.';
COMMENT ON COLUMN evaluation_model.ic IS 'Spearman''s rank correlation of forecast and actual returns, in units of volatility.';
COMMENT ON COLUMN evaluation_model.refused IS 'Share of rows that the model did not forecast, where the last price stands in.';
COMMENT ON COLUMN evaluation_model.seeds IS 'How many seeds; …_mean and …_sd (n - 1) are over the figures of each seed alone, null for a model without seeds.';
COMMENT ON COLUMN evaluation_model.fit_s IS 'Seconds of all fits of all seeds together; score_s of all scoring; peak_mib is the highest resident memory of a process that did it.';
COMMENT ON COLUMN evaluation_model.figures IS 'All there is of this model in report.json: by_coin, by_month, by_quarter, seeds, cost and more.';

CREATE TABLE evaluation_prediction (
    digest           text NOT NULL REFERENCES evaluation_run ON DELETE CASCADE,
    model            text NOT NULL,
    symbol           text NOT NULL,
    open_time        timestamptz NOT NULL,
    target_open_time timestamptz NOT NULL,
    last_close       double precision NOT NULL,
    q05              double precision NOT NULL,
    q25              double precision NOT NULL,
    q50              double precision NOT NULL,
    q75              double precision NOT NULL,
    q95              double precision NOT NULL,
    actual_close     double precision NOT NULL,
    is_refused       boolean NOT NULL,
    reason           text,
    PRIMARY KEY (digest, model, symbol, target_open_time),
    FOREIGN KEY (digest, model) REFERENCES evaluation_model ON DELETE CASCADE
);
COMMENT ON TABLE evaluation_prediction IS 'Actual against predicted: one row per coin and hour of the last days of an evaluation, of its shown_model only. Prices in quote units; the point forecast is q50. is_refused: the last price stands in, for the reason given.';
COMMENT ON COLUMN evaluation_prediction.target_open_time IS 'Opening of the hour whose close was forecast (actual_close); open_time is that of the hour before, whose close is last_close.';

DO $$ BEGIN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO nexthour_reader', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON evaluation_run, evaluation_model, evaluation_prediction TO nexthour_writer');
END $$;
"""


def upgrade() -> None:
    """Add the tables."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Refuse: what the new tables hold would be lost."""
    message = "this migration has no way back; restore the schema from a backup"
    raise NotImplementedError(message)
