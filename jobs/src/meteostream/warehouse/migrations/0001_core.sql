-- Schema core: what was observed. Kept for ever, partitioned by year of observation from the first day.
--
-- observation_event  every event (one content of one revision of one report), never changed
-- observation        one row a report: per variable the value of the greatest event that reported it
-- observation_long   variables outside the wide set
-- qc_result          suspect and failed tests only; the masks tell passed from not run
--
-- Both partitioned keys begin with observed_at: the ids are hashes, and a key that began with one would touch a
-- random index page for every row. Identifiers have the collation "C": compared as bytes, twice as fast to index.

CREATE SCHEMA core;

CREATE TABLE core.variable (
    name        text PRIMARY KEY,
    bit         smallint UNIQUE CHECK (bit BETWEEN 0 AND 62),
    unit        text NOT NULL,
    cf_name     text,
    statistic   text COLLATE "C" NOT NULL,
    period_s    integer NOT NULL CHECK (period_s >= 0),
    title       text NOT NULL
);
COMMENT ON TABLE core.variable IS 'Variables of the report contract. bit: place in the masks; null = long table only.';

CREATE TABLE core.station (
    station     text COLLATE "C" PRIMARY KEY,
    name        text NOT NULL,
    latitude    double precision CHECK (latitude BETWEEN -90 AND 90),
    longitude   double precision CHECK (longitude BETWEEN -180 AND 180),
    elevation_m double precision,
    country     text,
    wmo         text,
    icao        text,
    series      text NOT NULL,
    source      text COLLATE "C" NOT NULL,
    loaded_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN core.station.series IS 'Whose identifier: wmo, national, ours or simulated.';

CREATE TABLE core.station_alias (
    alias       text NOT NULL,
    kind        text NOT NULL,
    station     text COLLATE "C" NOT NULL REFERENCES core.station ON DELETE CASCADE,
    PRIMARY KEY (kind, alias)
);

CREATE TABLE core.observation_event (
    event_id              bytea NOT NULL CHECK (octet_length(event_id) = 32),
    report_id             bytea NOT NULL CHECK (octet_length(report_id) = 32),
    station               text COLLATE "C" NOT NULL,
    observed_at           timestamptz NOT NULL,
    received_at           timestamptz NOT NULL,
    source                text COLLATE "C" NOT NULL,
    report_type           text COLLATE "C" NOT NULL,
    revision              integer NOT NULL CHECK (revision >= 0),
    nature                text COLLATE "C" NOT NULL CHECK (nature IN ('observed', 'simulated', 'replayed')),
    air_temperature       double precision,
    dew_point_temperature double precision,
    relative_humidity     double precision,
    station_pressure      double precision,
    sea_level_pressure    double precision,
    wind_mean_2min        double precision,
    wind_mean_10min       double precision,
    wind_direction        double precision,
    wind_variable         boolean,
    gust_10min            double precision,
    gust_1h               double precision,
    rain_1min             double precision,
    rain_1h               double precision,
    rain_6h               double precision,
    rain_24h              double precision,
    tmax_12h              double precision,
    tmin_12h              double precision,
    visibility            double precision,
    cloud_cover           double precision,
    irradiance            double precision,
    sunshine_1h           double precision,
    reported              bigint NOT NULL,
    qc_failed             bigint NOT NULL,
    qc_suspect            bigint NOT NULL,
    qc_run                bytea NOT NULL,
    qc_ruleset            text COLLATE "C" NOT NULL,
    kafka_topic           text COLLATE "C" NOT NULL,
    kafka_partition       integer NOT NULL,
    kafka_offset          bigint NOT NULL,
    PRIMARY KEY (observed_at, event_id)
) PARTITION BY RANGE (observed_at);
CREATE INDEX ON core.observation_event USING brin (received_at) WITH (pages_per_range = 32);
COMMENT ON COLUMN core.observation_event.reported IS 'Bit a wide variable: the report had the member, null or not.';
COMMENT ON COLUMN core.observation_event.qc_run IS 'Per wide variable a little-endian uint16: mask of the tests that ran.';

CREATE TABLE core.observation (
    report_id             bytea NOT NULL CHECK (octet_length(report_id) = 32),
    event_id              bytea NOT NULL CHECK (octet_length(event_id) = 32),
    station               text COLLATE "C" NOT NULL,
    observed_at           timestamptz NOT NULL,
    received_at           timestamptz NOT NULL,
    source                text COLLATE "C" NOT NULL,
    report_type           text COLLATE "C" NOT NULL,
    revision              integer NOT NULL,
    nature                text COLLATE "C" NOT NULL,
    air_temperature       double precision,
    dew_point_temperature double precision,
    relative_humidity     double precision,
    station_pressure      double precision,
    sea_level_pressure    double precision,
    wind_mean_2min        double precision,
    wind_mean_10min       double precision,
    wind_direction        double precision,
    wind_variable         boolean,
    gust_10min            double precision,
    gust_1h               double precision,
    rain_1min             double precision,
    rain_1h               double precision,
    rain_6h               double precision,
    rain_24h              double precision,
    tmax_12h              double precision,
    tmin_12h              double precision,
    visibility            double precision,
    cloud_cover           double precision,
    irradiance            double precision,
    sunshine_1h           double precision,
    reported              bigint NOT NULL,
    qc_failed             bigint NOT NULL,
    qc_suspect            bigint NOT NULL,
    qc_run                bytea NOT NULL,
    qc_ruleset            text COLLATE "C" NOT NULL,
    events                bytea[],
    PRIMARY KEY (observed_at, report_id)
) PARTITION BY RANGE (observed_at);
CREATE INDEX ON core.observation (station, observed_at);
COMMENT ON COLUMN core.observation.event_id IS 'The greatest event: (revision, received_at, event_id).';
COMMENT ON COLUMN core.observation.events IS 'All events of the report when there are several; null = event_id alone.';

CREATE TABLE core.observation_long (
    report_id    bytea NOT NULL CHECK (octet_length(report_id) = 32),
    event_id     bytea NOT NULL CHECK (octet_length(event_id) = 32),
    station      text COLLATE "C" NOT NULL,
    observed_at  timestamptz NOT NULL,
    received_at  timestamptz NOT NULL,
    source       text COLLATE "C" NOT NULL,
    report_type  text COLLATE "C" NOT NULL,
    revision     integer NOT NULL,
    nature       text COLLATE "C" NOT NULL,
    variable     text COLLATE "C" NOT NULL REFERENCES core.variable,
    statistic    text COLLATE "C" NOT NULL,
    period_start timestamptz NOT NULL,
    period_end   timestamptz NOT NULL,
    level        double precision NOT NULL DEFAULT 0,
    value        double precision,
    PRIMARY KEY (report_id, variable, statistic, period_start, period_end, level)
);
CREATE INDEX ON core.observation_long (station, observed_at);
COMMENT ON COLUMN core.observation_long.level IS 'Height or depth in metres where the variable has one; 0 otherwise.';

CREATE TABLE core.qc_result (
    event_id    bytea NOT NULL,
    observed_at timestamptz NOT NULL,
    variable    text COLLATE "C" NOT NULL,
    test        text NOT NULL,
    flag        smallint NOT NULL CHECK (flag IN (3, 4)),
    detail      jsonb NOT NULL,
    ruleset     text NOT NULL,
    PRIMARY KEY (observed_at, event_id, variable, test)
);
COMMENT ON COLUMN core.qc_result.flag IS 'QARTOD: 3 suspect, 4 failed.';

-- A year's partition of both tables is made when its first report comes, in a transaction of its own, and attached:
-- that takes no lock a reader or a running batch would wait for. The advisory lock lets two callers meet.
CREATE FUNCTION core.ensure_partitions(years integer[]) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text;
    child text;
    wanted integer;
    made integer := 0;
BEGIN
    FOREACH wanted IN ARRAY years LOOP
        IF wanted NOT BETWEEN 1850 AND 2200 THEN
            RAISE EXCEPTION 'no partition for the year %: expected 1850 to 2200', wanted
                USING HINT = 'the report contract refuses such dates; look at the report''s observed_at';
        END IF;
        FOREACH parent IN ARRAY ARRAY['observation_event', 'observation'] LOOP
            child := format('%s_%s', parent, wanted);
            CONTINUE WHEN to_regclass(format('core.%I', child)) IS NOT NULL;
            PERFORM pg_advisory_xact_lock(hashtext('core.ensure_partitions'));
            -- Asked of the table itself: to_regclass may answer from a cache that an advisory lock does not refresh.
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_class WHERE relnamespace = 'core'::regnamespace AND relname = child);
            EXECUTE format('CREATE TABLE core.%I (LIKE core.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
            EXECUTE format(
                'ALTER TABLE core.%I ATTACH PARTITION core.%I FOR VALUES FROM (%L) TO (%L)', parent, child,
                make_timestamptz(wanted, 1, 1, 0, 0, 0, 'UTC'), make_timestamptz(wanted + 1, 1, 1, 0, 0, 0, 'UTC'));
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION core.ensure_partitions(integer[]) FROM PUBLIC;
