"""First tables of a namespace: candles, forecasts, models and the state of the run.

Revision ID: 0001
"""

from alembic import op

revision = "0001"
down_revision = None

UPGRADE = """
CREATE TABLE run_info (
    only_row      boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    namespace     text NOT NULL,
    venue         text NOT NULL,
    source_label  text NOT NULL,
    speed         numeric NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE run_info IS 'One row: where the prices come from and how fast the clock runs.';

CREATE TABLE symbol (
    symbol      text PRIMARY KEY,
    status      text NOT NULL,
    base_asset  text NOT NULL,
    quote_asset text NOT NULL,
    tick_size   numeric NOT NULL,
    step_size   numeric NOT NULL,
    position    integer NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE symbol IS 'One row per symbol followed; status as in exchangeInfo.';

CREATE TABLE candle (
    symbol                 text NOT NULL,
    interval               text NOT NULL DEFAULT '1h',
    open_time              timestamptz NOT NULL,
    revision               integer NOT NULL CHECK (revision >= 1),
    open                   numeric,
    high                   numeric,
    low                    numeric,
    close                  numeric,
    volume                 numeric,
    quote_volume           numeric,
    taker_buy_volume       numeric,
    taker_buy_quote_volume numeric,
    trades                 bigint,
    first_trade_id         bigint,
    last_trade_id          bigint,
    status                 text NOT NULL CHECK (status IN ('provisional', 'final')),
    verdict                text CHECK (verdict IN ('complete', 'quiet', 'partial', 'disputed', 'history')),
    reason                 text,
    witness                text,
    source                 text NOT NULL,
    updated_at             timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (symbol, interval, open_time, revision),
    CHECK ((status = 'final') = (verdict IS NOT NULL))
);
CREATE INDEX candle_by_time ON candle (interval, open_time);
COMMENT ON TABLE candle IS 'One row per symbol, interval, hour and revision; the highest revision is current. source: trades (own candles), rest-klines or file (history).';

CREATE VIEW candle_current AS
SELECT DISTINCT ON (symbol, interval, open_time) *
FROM candle ORDER BY symbol, interval, open_time, revision DESC;

CREATE TABLE sink_commit (
    query      text NOT NULL,
    checkpoint text NOT NULL,
    batch_id   bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (query, checkpoint)
);
COMMENT ON TABLE sink_commit IS 'Last batch of a query committed here, in the same transaction as its rows.';

CREATE TABLE model_version (
    version        text PRIMARY KEY,
    status         text NOT NULL CHECK (status IN ('candidate', 'bootstrap', 'champion', 'previous', 'retired', 'rejected')),
    created_at     timestamptz NOT NULL,
    sha256         text NOT NULL,
    weights_hash   text NOT NULL,
    trained_from   timestamptz NOT NULL,
    trained_until  timestamptz NOT NULL,
    train_rows     bigint NOT NULL,
    val_pinball    double precision NOT NULL,
    ewma_pinball   double precision NOT NULL,
    val_rmae       double precision NOT NULL,
    fit_seconds    double precision NOT NULL,
    manifest       jsonb NOT NULL
);
COMMENT ON TABLE model_version IS 'One row per model version of the registry; the registry on S3 is the truth.';

CREATE TABLE forecast (
    symbol           text NOT NULL,
    target_open_time timestamptz NOT NULL,
    model_version    text NOT NULL,
    kind             text NOT NULL DEFAULT 'live' CHECK (kind IN ('live', 'shadow', 'backfill')),
    as_of_open_time  timestamptz NOT NULL,
    issued_at        timestamptz NOT NULL,
    last_close       numeric,
    q05              numeric,
    q25              numeric,
    q50              numeric,
    q75              numeric,
    q95              numeric,
    is_fallback      boolean NOT NULL,
    refusal_reason   text,
    input_verdict    text,
    mask             text NOT NULL,
    feature_hash     text NOT NULL,
    written_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (symbol, target_open_time, model_version, kind),
    CHECK (q50 IS NOT NULL OR refusal_reason IS NOT NULL)
);
CREATE INDEX forecast_by_time ON forecast (target_open_time);
COMMENT ON TABLE forecast IS 'Append-only: one forecast or refusal per symbol, target hour, model version and kind. issued_at is exchange time, written_at wall time.';

CREATE TABLE forecast_run (
    target_open_time timestamptz NOT NULL,
    model_version    text NOT NULL,
    kind             text NOT NULL DEFAULT 'live',
    issued_at        timestamptz NOT NULL,
    forecasts        integer NOT NULL,
    refusals         integer NOT NULL,
    scoring_ms       double precision NOT NULL,
    written_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (target_open_time, kind)
);
COMMENT ON TABLE forecast_run IS 'One row per target hour, written in the same transaction as its forecasts.';

CREATE VIEW forecast_score AS
SELECT f.symbol, f.target_open_time, f.model_version, f.kind, f.last_close, f.q05, f.q25, f.q50, f.q75, f.q95,
       f.is_fallback, c.close AS actual_close, c.verdict,
       abs(c.close - f.q50) AS abs_error,
       abs(c.close - f.last_close) AS naive_abs_error,
       (c.close BETWEEN f.q05 AND f.q95) AS in_band_90
FROM forecast f
JOIN candle_current c ON c.symbol = f.symbol AND c.interval = '1h'
     AND c.open_time = f.target_open_time AND c.status = 'final'
WHERE f.refusal_reason IS NULL;

CREATE TABLE feed_status (
    symbol          text PRIMARY KEY,
    last_trade_id   bigint,
    last_trade_time timestamptz,
    updated_at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE job_status (
    job        text PRIMARY KEY,
    state      text NOT NULL,
    detail     jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE job_status IS 'One row per query: state and the last progress report.';
CREATE TABLE incident (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind        text NOT NULL,
    symbol      text,
    first_id    bigint,
    last_id     bigint,
    detail      text,
    happened_at timestamptz NOT NULL,
    written_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nexthour_reader') THEN
        CREATE ROLE nexthour_reader NOLOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'nexthour_writer') THEN
        CREATE ROLE nexthour_writer NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another namespace was faster
END $$;
DO $$ BEGIN
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO nexthour_reader, nexthour_writer', current_schema());
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO nexthour_reader', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA %I TO nexthour_writer', current_schema());
END $$;
"""


def upgrade() -> None:
    """Create the tables, views, roles and grants."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Refuse: dropping a namespace is `DROP SCHEMA`, done by a person."""
    message = "the first migration has no way back; drop the namespace's schema by hand"
    raise NotImplementedError(message)
