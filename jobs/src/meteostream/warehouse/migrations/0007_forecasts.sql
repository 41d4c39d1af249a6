-- Forecasts, reanalyses and TAF: what somebody's model says, never what was observed.
--
-- A row is one value of one run for one station and valid time. Of what was collected twice the latest reception is
-- kept. Partitioned by year of reference_time, as observations are by year of observation and for the same reasons; old
-- years of forecasts may be detached, which nothing observed ever is.

CREATE TABLE core.forecast (
    station        text COLLATE "C" NOT NULL CHECK (station NOT LIKE '0-0-0-SIM%'),
    model          text COLLATE "C" NOT NULL,
    reference_time timestamptz NOT NULL,
    valid_time     timestamptz NOT NULL,
    variable       text COLLATE "C" NOT NULL REFERENCES core.variable,
    value          double precision,
    valid_until    timestamptz,
    source         text COLLATE "C" NOT NULL,
    licence        text COLLATE "C" NOT NULL,
    received_at    timestamptz NOT NULL,
    event_id       bytea NOT NULL CHECK (octet_length(event_id) = 32),
    PRIMARY KEY (station, model, reference_time, valid_time, variable),
    CHECK (coalesce(valid_until, valid_time) >= reference_time),
    CHECK (valid_until > valid_time)
) PARTITION BY RANGE (reference_time);
CREATE INDEX ON core.forecast (valid_time, station);
COMMENT ON TABLE core.forecast IS 'Forecasts, reanalyses and TAF; simulated stations have none.';
COMMENT ON COLUMN core.forecast.reference_time IS 'Begin of the run, or issue; of a reanalysis the valid time.';
COMMENT ON COLUMN core.forecast.valid_until IS 'End of the period over which the value holds; null for a moment.';
COMMENT ON COLUMN core.forecast.value IS 'In the unit of core.variable; true and false are 1 and 0.';

-- A year's partition of any of our tables that are partitioned by year (see 0001). For owners' functions only.
CREATE FUNCTION core.make_year_partitions(parents text[], years integer[]) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent text;
    child text;
    wanted integer;
    made integer := 0;
BEGIN
    FOREACH wanted IN ARRAY years LOOP
        IF wanted NOT BETWEEN 1850 AND 2200 THEN
            RAISE EXCEPTION 'no partition for the year %: expected 1850 to 2200', wanted
                USING HINT = 'the contract refuses such dates; look at the message''s time';
        END IF;
        FOREACH parent IN ARRAY parents LOOP
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
REVOKE ALL ON FUNCTION core.make_year_partitions(text[], integer[]) FROM PUBLIC;

CREATE OR REPLACE FUNCTION core.ensure_partitions(years integer[]) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT core.make_year_partitions(ARRAY['observation_event', 'observation'], years)
$$;

CREATE FUNCTION core.ensure_forecast_partitions(years integer[]) RETURNS integer
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT core.make_year_partitions(ARRAY['forecast'], years)
$$;
REVOKE ALL ON FUNCTION core.ensure_forecast_partitions(integer[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.ensure_forecast_partitions(integer[]) TO pipeline;

CREATE VIEW core.forecast_latest AS
SELECT DISTINCT ON (station, model, valid_time, variable)
    station, model, valid_time, variable, reference_time, valid_until, value, source, licence, received_at
FROM core.forecast
ORDER BY station, model, valid_time, variable, reference_time DESC;
COMMENT ON VIEW core.forecast_latest IS 'Of each value the newest run''s; give a limit of valid_time.';
GRANT SELECT ON core.forecast_latest TO pipeline, reader;
