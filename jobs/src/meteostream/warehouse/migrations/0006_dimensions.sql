-- Schema dim: what an observation is about, with its history; published normals; gates; how marts are published.
--
-- station, sensor, source   a row is true from valid_from to before valid_to and rows of one thing never overlap:
--                           join on the observation's time, never on "now"
-- variable, report_variable gold's variables, and the report contract's as statistics of them
-- qc_test, qc_ruleset       what the masks and flags mean
-- date                      calendar with dekads
--
-- Nothing here is deleted: what is no longer true is closed.

CREATE SCHEMA dim;
-- Exclusion of overlapping validity needs equality of text in a GiST index.
CREATE EXTENSION IF NOT EXISTS btree_gist SCHEMA dim;

CREATE TABLE dim.station (
    station_key integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station     text COLLATE "C" NOT NULL,
    valid_from  timestamptz NOT NULL,
    valid_to    timestamptz NOT NULL DEFAULT 'infinity',
    name        text NOT NULL,
    wmo         text,
    icao        text,
    aliases     text[] NOT NULL DEFAULT '{}',
    latitude    double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude   double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    elevation_m double precision NOT NULL,
    barometer_m double precision,
    country     text NOT NULL,
    series      text NOT NULL,
    source      text NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_from < valid_to),
    CONSTRAINT one_station_at_a_time EXCLUDE USING gist (
        station WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
COMMENT ON TABLE dim.station IS 'Stations as they were: WIGOS identifier, other names, place. History-keeping (SCD 2).';
COMMENT ON COLUMN dim.station.elevation_m IS 'Ground above mean sea level, m.';
COMMENT ON COLUMN dim.station.barometer_m IS 'Barometer above mean sea level, m (WMO-No. 8: what station pressure is of); null = not known.';

CREATE TABLE dim.variable (
    variable   text COLLATE "C" PRIMARY KEY,
    unit       text NOT NULL,
    cf_name    text,
    resolution double precision CHECK (resolution > 0),
    low        double precision,
    high       double precision,
    title      text NOT NULL,
    CHECK (low < high)
);
COMMENT ON TABLE dim.variable IS 'Variables as gold and the marts name them: without statistic and period.';
COMMENT ON COLUMN dim.variable.resolution IS 'Step in which it is reported, in its unit (WMO-No. 8, annex 1.A); null = none given.';
COMMENT ON COLUMN dim.variable.low IS 'No instrument reports less (the quality control''s instrument range); null = no limit known.';

CREATE TABLE dim.report_variable (
    name      text COLLATE "C" PRIMARY KEY,
    variable  text COLLATE "C" NOT NULL REFERENCES dim.variable,
    statistic text COLLATE "C" NOT NULL,
    period_s  integer NOT NULL CHECK (period_s >= 0)
);
COMMENT ON TABLE dim.report_variable IS 'Variables of reports (core.variable) as statistic and period of a variable.';

CREATE TABLE dim.sensor (
    sensor_key    integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    station       text COLLATE "C" NOT NULL REFERENCES core.station,
    sensor        text NOT NULL,
    valid_from    timestamptz NOT NULL,
    valid_to      timestamptz NOT NULL DEFAULT 'infinity',
    variable      text COLLATE "C" NOT NULL REFERENCES dim.variable,
    model         text NOT NULL,
    serial        text,
    height_m      double precision,
    calibrated_on date,
    calibration   text,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_from < valid_to),
    UNIQUE (station, sensor, valid_from),
    CONSTRAINT one_sensor_at_a_time EXCLUDE USING gist (
        station WITH =, sensor WITH =,
        tstzrange(valid_from, valid_to) WITH &&)
);
COMMENT ON TABLE dim.sensor IS 'Instruments of a station, each with a history of its own.';
COMMENT ON COLUMN dim.sensor.sensor IS 'Place of the instrument at the station, such as thermometer-1; it stays when the instrument is changed.';
COMMENT ON COLUMN dim.sensor.height_m IS 'Above the ground, m.';

CREATE TABLE dim.source (
    source_key     integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source         text COLLATE "C" NOT NULL,
    valid_from     timestamptz NOT NULL,
    valid_to       timestamptz NOT NULL DEFAULT 'infinity',
    licence        text NOT NULL,
    attribution    text NOT NULL,
    commercial_use boolean NOT NULL DEFAULT false,
    redistribute   boolean NOT NULL DEFAULT false,
    recorded_at    timestamptz NOT NULL DEFAULT now(),
    CHECK (valid_from < valid_to),
    CONSTRAINT one_licence_at_a_time EXCLUDE USING gist (
        source WITH =, tstzrange(valid_from, valid_to) WITH &&)
);
COMMENT ON TABLE dim.source IS 'Sources of reports and what their licences allow; what is not known is not allowed.';

CREATE TABLE dim.qc_test (
    bit  smallint PRIMARY KEY CHECK (bit BETWEEN 0 AND 15),
    test text NOT NULL UNIQUE
);
COMMENT ON TABLE dim.qc_test IS 'Tests by their bit in a variable''s uint16 of core.observation.qc_run.';

CREATE TABLE dim.qc_ruleset (
    ruleset     text COLLATE "C" PRIMARY KEY,
    thresholds  jsonb NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE dim.qc_ruleset IS 'Versions of thresholds. A version never changes; a change is a new version.';

CREATE TABLE dim.date (
    day         date PRIMARY KEY,
    year        smallint NOT NULL,
    month       smallint NOT NULL,
    day_of_year smallint NOT NULL,
    month_first date NOT NULL,
    month_days  smallint NOT NULL,
    dekad       smallint NOT NULL CHECK (dekad BETWEEN 1 AND 36),
    dekad_first date NOT NULL,
    dekad_days  smallint NOT NULL
);
COMMENT ON COLUMN dim.date.dekad IS 'Dekad of the year: days 1-10, 11-20 and 21 to the end of each month.';
INSERT INTO dim.date
SELECT
    day, year, month, day_of_year, month_first, month_days,
    (month - 1) * 3 + part + 1, month_first + 10 * part,
    CASE WHEN part = 2 THEN month_days - 20 ELSE 10 END
FROM (
    SELECT
        moment::date AS day, extract(year FROM moment) AS year, extract(month FROM moment) AS month,
        extract(doy FROM moment) AS day_of_year, date_trunc('month', moment)::date AS month_first,
        extract(day FROM date_trunc('month', moment) + interval '1 month -1 day')::integer AS month_days,
        least((extract(day FROM moment)::integer - 1) / 10, 2) AS part
    FROM generate_series(timestamp '1850-01-01', timestamp '2200-12-31', interval '1 day') AS moment
) AS calendar
ORDER BY day;

-- Normals are imported as published; nothing of ours is computed into them.
CREATE TABLE core.normal (
    station        text COLLATE "C" NOT NULL REFERENCES core.station CHECK (station NOT LIKE '0-0-0-SIM%'),
    variable       text COLLATE "C" NOT NULL REFERENCES dim.variable,
    day_statistic  text COLLATE "C" NOT NULL CHECK (day_statistic IN ('mean', 'maximum', 'minimum', 'sum')),
    statistic      text COLLATE "C" NOT NULL CHECK (statistic IN ('mean', 'maximum', 'minimum', 'sum')),
    period         text COLLATE "C" NOT NULL,
    number         smallint NOT NULL,
    first_year     smallint NOT NULL,
    last_year      smallint NOT NULL,
    source         text COLLATE "C" NOT NULL,
    value          double precision NOT NULL,
    licence        text NOT NULL,
    attribution    text NOT NULL,
    commercial_use boolean NOT NULL,
    redistribute   boolean NOT NULL,
    file_name      text NOT NULL,
    file_sha256    bytea NOT NULL CHECK (octet_length(file_sha256) = 32),
    loaded_at      timestamptz NOT NULL DEFAULT now(),
    replaced_at    timestamptz,
    CHECK (first_year < last_year),
    CHECK (period = 'month' AND number BETWEEN 1 AND 12 OR period = 'dekad' AND number BETWEEN 1 AND 36
        OR period = 'year' AND number = 1)
);
CREATE UNIQUE INDEX ON core.normal
    (station, variable, day_statistic, statistic, period, number, first_year, last_year, source)
    WHERE replaced_at IS NULL;
COMMENT ON TABLE core.normal IS 'Published climate normals. A corrected value replaces its row, which stays with replaced_at.';
COMMENT ON COLUMN core.normal.day_statistic IS 'Of which daily value: the mean of daily maxima is maximum, then mean.';
COMMENT ON COLUMN core.normal.number IS 'Month 1-12, dekad of the year 1-36, or 1 for the year.';

CREATE TABLE pipeline.gate_run (
    run_id      uuid PRIMARY KEY,
    gate        text NOT NULL,
    definitions text NOT NULL,
    passed      boolean NOT NULL,
    reason      text,
    started_at  timestamptz NOT NULL,
    finished_at timestamptz NOT NULL DEFAULT now(),
    CHECK (passed = (reason IS NULL))
);
CREATE INDEX ON pipeline.gate_run (gate, finished_at);
COMMENT ON COLUMN pipeline.gate_run.definitions IS 'SHA-256 of the file of definitions, hex.';

CREATE TABLE pipeline.gate_result (
    run_id   uuid NOT NULL REFERENCES pipeline.gate_run ON DELETE CASCADE,
    name     text NOT NULL,
    kind     text NOT NULL,
    outcome  text NOT NULL CHECK (outcome IN ('passed', 'failed', 'skipped')),
    measured double precision,
    expected text NOT NULL,
    detail   text NOT NULL,
    PRIMARY KEY (run_id, name)
);
COMMENT ON TABLE pipeline.gate_result IS 'What each check of a gate found; a run''s rows are written in one transaction.';

-- How marts are published: built in the schema mart_build, judged there, then renamed to mart in one transaction. The
-- version before stays readable as mart_previous. The state is kept here and asked by the function that renames, so
-- nothing that was not judged can be served.
CREATE TABLE pipeline.mart_version (
    version      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    state        text NOT NULL CHECK (state IN ('building', 'failed', 'built', 'refused', 'passed', 'published')),
    reason       text,
    gate_run     uuid REFERENCES pipeline.gate_run,
    started_at   timestamptz NOT NULL DEFAULT now(),
    built_at     timestamptz,
    published_at timestamptz,
    CHECK ((state IN ('failed', 'refused')) = (reason IS NOT NULL)),
    CHECK (state NOT IN ('passed', 'published') OR gate_run IS NOT NULL),
    CHECK ((state = 'published') = (published_at IS NOT NULL))
);

CREATE SCHEMA mart;
COMMENT ON SCHEMA mart IS 'Marts: the last version that passed its gate.';
CREATE SCHEMA mart_build;

CREATE FUNCTION pipeline.begin_marts() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    made bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('pipeline.marts'));
    DROP SCHEMA IF EXISTS mart_build CASCADE;
    CREATE SCHEMA mart_build;
    GRANT USAGE, CREATE ON SCHEMA mart_build TO pipeline;
    INSERT INTO pipeline.mart_version (state) VALUES ('building') RETURNING version INTO made;
    RETURN made;
END $$;
COMMENT ON FUNCTION pipeline.begin_marts() IS 'Empty mart_build for a new version, and give its number.';

CREATE FUNCTION pipeline.publish_marts(wanted bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '30s' AS $$
DECLARE
    newest record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('pipeline.marts'));
    SELECT * INTO newest FROM pipeline.mart_version ORDER BY version DESC LIMIT 1;
    IF newest.version IS DISTINCT FROM wanted OR newest.state <> 'passed' THEN
        RAISE EXCEPTION 'marts: expected version % to be the newest and to have passed its gate, found version % (%)',
            wanted, newest.version, newest.state USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    DROP SCHEMA IF EXISTS mart_previous CASCADE;
    ALTER SCHEMA mart RENAME TO mart_previous;
    ALTER SCHEMA mart_build RENAME TO mart;
    REVOKE CREATE ON SCHEMA mart FROM pipeline;
    GRANT USAGE ON SCHEMA mart TO reader;
    COMMENT ON SCHEMA mart IS 'Marts: the last version that passed its gate.';
    COMMENT ON SCHEMA mart_previous IS 'Marts: the version before the one in mart.';
    CREATE SCHEMA mart_build;
    UPDATE pipeline.mart_version SET state = 'published', published_at = now() WHERE version = wanted;
END $$;
COMMENT ON FUNCTION pipeline.publish_marts(bigint) IS 'Serve the version that was built and passed; one transaction, or nothing.';

REVOKE ALL ON FUNCTION pipeline.begin_marts(), pipeline.publish_marts(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pipeline.begin_marts(), pipeline.publish_marts(bigint) TO pipeline;

GRANT USAGE ON SCHEMA dim, mart TO pipeline, reader;
GRANT USAGE ON SCHEMA mart_build TO pipeline;
GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA dim TO pipeline;
GRANT SELECT ON ALL TABLES IN SCHEMA dim TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA dim GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA dim GRANT SELECT, INSERT, UPDATE ON TABLES TO pipeline;
