-- Schema gold: what the batch ETL publishes from the lake, in the lake's own columns. The lake computes, this serves.
--
-- hourly, daily, dekad, monthly, availability   the current version of each value
-- *_history                                     versions that were replaced, readable for ever
-- publication                                   runs of the ETL whose values are here

CREATE SCHEMA gold;

CREATE TABLE gold.hourly (
    station      text COLLATE "C" NOT NULL,
    nature       text COLLATE "C" NOT NULL CHECK (nature IN ('observed', 'simulated', 'replayed')),
    variable     text COLLATE "C" NOT NULL,
    statistic    text COLLATE "C" NOT NULL CHECK (statistic IN ('point', 'mean', 'maximum', 'minimum', 'sum')),
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    label        date NOT NULL,
    rule         text COLLATE "C" NOT NULL,
    value        double precision,
    count        integer NOT NULL CHECK (count >= 0),
    expected     integer NOT NULL CHECK (expected >= 0),
    complete     boolean NOT NULL,
    flag         smallint NOT NULL CHECK (flag IN (1, 2, 3, 4, 9)),
    source       text COLLATE "C",
    report_id    bytea CHECK (octet_length(report_id) = 32),
    version      integer NOT NULL CHECK (version > 0),
    computed_at  timestamptz NOT NULL,
    run_id       uuid NOT NULL,
    CHECK (period_start <= period_end),
    PRIMARY KEY (label, station, variable, statistic, period_start, period_end, nature, rule)
);
CREATE INDEX ON gold.hourly (station, variable, period_end);
CREATE TABLE gold.daily (LIKE gold.hourly INCLUDING ALL);
CREATE TABLE gold.dekad (LIKE gold.hourly INCLUDING ALL);
CREATE TABLE gold.monthly (LIKE gold.hourly INCLUDING ALL);
CREATE TABLE gold.availability (LIKE gold.hourly INCLUDING ALL);

COMMENT ON COLUMN gold.hourly.label IS 'Day of the value; the first day of a dekad or month; of an hour the UTC day of period_end.';
COMMENT ON COLUMN gold.hourly.rule IS 'Climatological day and completeness that the value met; imported dailies name source and variable.';
COMMENT ON COLUMN gold.hourly.expected IS 'Values that should be; 0 = withdrawn: it was published once and is no longer computed.';
COMMENT ON COLUMN gold.hourly.flag IS 'QARTOD: 1 pass, 2 not evaluated, 3 suspect, 4 failed, 9 no value.';
COMMENT ON COLUMN gold.hourly.source IS 'Source that was chosen for the hour; null for longer periods.';

DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY['hourly', 'daily', 'dekad', 'monthly', 'availability'] LOOP
        EXECUTE format('CREATE TABLE gold.%I (LIKE gold.hourly INCLUDING DEFAULTS INCLUDING CONSTRAINTS, '
            'replaced_at timestamptz NOT NULL DEFAULT now(), '
            'PRIMARY KEY (label, station, variable, statistic, period_start, period_end, nature, rule, version))',
            kind || '_history');
    END LOOP;
END $$;

CREATE TABLE gold.publication (
    run_id       uuid PRIMARY KEY,
    first_day    date NOT NULL,
    last_day     date NOT NULL,
    changed      bigint NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE gold.publication IS 'Runs of the ETL, published in the transaction that wrote their rows.';

GRANT USAGE ON SCHEMA gold TO pipeline, reader;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA gold TO pipeline;
GRANT SELECT ON ALL TABLES IN SCHEMA gold TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA gold GRANT SELECT ON TABLES TO reader;
