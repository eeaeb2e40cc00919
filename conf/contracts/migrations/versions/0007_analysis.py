"""The daily analysis of the hourly candles: days, weeks, volatility, correlation, patterns.

Revision ID: 0007
"""

from alembic import op

revision = "0007"
down_revision = "0006"

UPGRADE = """
CREATE TABLE analysis_run (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    until_time  timestamptz NOT NULL,
    symbols     text[] NOT NULL,
    hours       bigint NOT NULL,
    changed     bigint NOT NULL
);
COMMENT ON TABLE analysis_run IS 'Append-only: one row per run, written in the transaction of its rows; the newest one is what the other analysis tables show. started_at and finished_at are wall time.';
COMMENT ON COLUMN analysis_run.until_time IS 'UTC midnight: the hours before it were analysed, so that every day is whole.';
COMMENT ON COLUMN analysis_run.hours IS 'Hours of all symbols that were analysed.';
COMMENT ON COLUMN analysis_run.changed IS 'Rows that the run inserted, changed or deleted; 0 if nothing was new.';

CREATE TABLE analysis_symbol (
    symbol     text PRIMARY KEY,
    first_hour timestamptz,
    last_hour  timestamptz,
    hours      integer NOT NULL,
    absent     integer NOT NULL,
    returns    integer NOT NULL,
    rejected   integer NOT NULL,
    repeated   integer NOT NULL
);
COMMENT ON TABLE analysis_symbol IS 'One row per symbol with a history: what the analysis is made of. rejected: rows that are no hour, or contradict another row of theirs; repeated: rows that only say again what another one says.';
COMMENT ON COLUMN analysis_symbol.absent IS 'Hours from the first one to the end of the analysis that are not there. Never filled; the same in analysis_day and analysis_week.';
COMMENT ON COLUMN analysis_symbol.returns IS 'Hours with a log-return: the hour before is there, too.';

CREATE TABLE analysis_day (
    symbol              text NOT NULL,
    day                 date NOT NULL,
    open                numeric,
    high                numeric,
    low                 numeric,
    close               numeric NOT NULL,
    volume              numeric,
    quote_volume        numeric,
    hours               integer NOT NULL,
    absent              integer NOT NULL,
    returns             integer NOT NULL,
    simple_return       double precision,
    realised_volatility double precision,
    PRIMARY KEY (symbol, day)
);
CREATE INDEX analysis_day_by_day ON analysis_day (day);
COMMENT ON TABLE analysis_day IS 'One row per symbol and UTC day of which any hour is there; open and close are those of its first and last hour there. A figure that one of these hours does not know is null.';
COMMENT ON COLUMN analysis_day.simple_return IS 'Close over the close of the day before, minus 1; null if that day is not there.';
COMMENT ON COLUMN analysis_day.realised_volatility IS 'Square root of the sum of squared hourly log-returns, those that are known (returns).';

CREATE TABLE analysis_week (
    symbol              text NOT NULL,
    week                date NOT NULL,
    days                integer NOT NULL,
    open                numeric,
    high                numeric,
    low                 numeric,
    close               numeric NOT NULL,
    volume              numeric,
    quote_volume        numeric,
    hours               integer NOT NULL,
    absent              integer NOT NULL,
    returns             integer NOT NULL,
    simple_return       double precision,
    realised_volatility double precision,
    PRIMARY KEY (symbol, week)
);
COMMENT ON TABLE analysis_week IS 'One row per symbol and UTC week (week is its Monday) of which any hour is there, as analysis_day. The last week may still run: its days and absent hours are those until the end of the analysis.';

CREATE TABLE analysis_volatility (
    symbol         text NOT NULL,
    day            date NOT NULL,
    returns_24h    integer NOT NULL,
    volatility_24h double precision,
    returns_7d     integer NOT NULL,
    volatility_7d  double precision,
    returns_30d    integer NOT NULL,
    volatility_30d double precision,
    PRIMARY KEY (symbol, day)
);
COMMENT ON TABLE analysis_volatility IS 'One row per symbol and UTC day that is there: root mean square of the hourly log-returns of the last 1, 7 and 30 UTC days up to and with it, times the root of 8760 hours (annualised; 0.6 is 60 %). Null where fewer than half of the window''s hours have a return.';

CREATE TABLE analysis_correlation (
    span        text NOT NULL CHECK (span IN ('30d', 'whole')),
    symbol_a    text NOT NULL,
    symbol_b    text NOT NULL,
    day         date NOT NULL,
    returns     integer NOT NULL,
    correlation double precision CHECK (correlation BETWEEN -1 AND 1),
    PRIMARY KEY (span, symbol_a, symbol_b, day),
    CHECK (symbol_a COLLATE "C" < symbol_b COLLATE "C")
);
CREATE INDEX analysis_correlation_by_day ON analysis_correlation (span, day);
COMMENT ON TABLE analysis_correlation IS 'Pearson''s correlation of hourly log-returns over the hours that two symbols have in common (returns). span 30d: one row per pair and UTC day that both have, of the 30 days up to and with it; span whole: one row per pair, of everything, at the last common day. No row with fewer than 360 hours; null where a coin did not move.';

CREATE VIEW analysis_correlation_matrix AS
WITH newest AS (
    SELECT * FROM analysis_correlation
    WHERE span = 'whole' OR day = (SELECT max(day) FROM analysis_correlation WHERE span = '30d')
), mirrored AS (
    SELECT span, symbol_a AS symbol, symbol_b AS other, day, returns, correlation FROM newest
    UNION ALL
    SELECT span, symbol_b, symbol_a, day, returns, correlation FROM newest
)
SELECT * FROM mirrored
UNION ALL
SELECT span, symbol, symbol, max(day), NULL, 1 FROM mirrored GROUP BY span, symbol;
COMMENT ON VIEW analysis_correlation_matrix IS 'The newest correlations as whole matrices: one row per span, symbol and other symbol, itself included.';

CREATE TABLE analysis_pattern (
    symbol               text NOT NULL,
    weekday              smallint NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    hour                 smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    returns              integer NOT NULL,
    mean_abs_return      double precision,
    volumes              integer NOT NULL,
    mean_volume          double precision,
    relative_volumes     integer NOT NULL,
    mean_relative_volume double precision,
    PRIMARY KEY (symbol, weekday, hour)
);
COMMENT ON TABLE analysis_pattern IS 'One row per symbol, weekday (1 is Monday) and hour of the day, UTC, of which any hour is there: means of |log-return|, of volume (base units) and of volume over the mean volume of an hour of its own week (1 is usual), each with the number of hours that it is made of.';

CREATE VIEW analysis_hour_of_day AS
SELECT symbol, hour,
    sum(returns) AS returns,
    sum(mean_abs_return * returns) / nullif(sum(returns), 0) AS mean_abs_return,
    sum(volumes) AS volumes,
    sum(mean_volume * volumes) / nullif(sum(volumes), 0) AS mean_volume,
    sum(relative_volumes) AS relative_volumes,
    sum(mean_relative_volume * relative_volumes) / nullif(sum(relative_volumes), 0) AS mean_relative_volume
FROM analysis_pattern GROUP BY symbol, hour;
COMMENT ON VIEW analysis_hour_of_day IS 'analysis_pattern over all weekdays: one row per symbol and hour of the day, UTC.';

CREATE VIEW analysis_weekday AS
SELECT symbol, weekday,
    sum(returns) AS returns,
    sum(mean_abs_return * returns) / nullif(sum(returns), 0) AS mean_abs_return,
    sum(volumes) AS volumes,
    sum(mean_volume * volumes) / nullif(sum(volumes), 0) AS mean_volume,
    sum(relative_volumes) AS relative_volumes,
    sum(mean_relative_volume * relative_volumes) / nullif(sum(relative_volumes), 0) AS mean_relative_volume
FROM analysis_pattern GROUP BY symbol, weekday;
COMMENT ON VIEW analysis_weekday IS 'analysis_pattern over all hours: one row per symbol and weekday, UTC.';

CREATE FUNCTION analysis_rebased(since date, until date)
RETURNS TABLE (symbol text, day date, base_day date, rebased double precision)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT symbol, day, first_value(day) OVER coin,
        (close / first_value(close) OVER coin)::double precision
    FROM analysis_day
    WHERE day BETWEEN since AND until
    WINDOW coin AS (PARTITION BY symbol ORDER BY day)
$$;
COMMENT ON FUNCTION analysis_rebased IS 'Closes of the UTC days from since to until, both inclusive, over the close of the symbol''s own first day there (base_day): several coins on one scale that begins with 1. A coin listed later begins later; days that are not there are not filled.';

DO $$ BEGIN
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO nexthour_reader', current_schema());
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON analysis_run, analysis_symbol, analysis_day, analysis_week, analysis_volatility, analysis_correlation, analysis_pattern TO nexthour_writer');
END $$;
"""


def upgrade() -> None:
    """Add the tables and views."""
    op.execute(UPGRADE)


def downgrade() -> None:
    """Take them away again: `python -m streaming.analysis` makes every row anew."""
    op.execute("DROP FUNCTION analysis_rebased")
    op.execute("DROP VIEW analysis_correlation_matrix, analysis_hour_of_day, analysis_weekday")
    op.execute(
        "DROP TABLE analysis_run, analysis_symbol, analysis_day, analysis_week, "
        "analysis_volatility, analysis_correlation, analysis_pattern"
    )
