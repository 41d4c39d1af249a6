-- Who may do what. The roles and their passwords are the platform's (made before the first migration); the owner runs
-- this. The pipeline's writer changes rows and never the schema: partitions are made by the owner's function.

DO $$
DECLARE
    missing text;
BEGIN
    SELECT string_agg(wanted, ', ') INTO missing
    FROM unnest(ARRAY['pipeline', 'reader']) AS wanted
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'expected the roles pipeline and reader, missing: %', missing
            USING HINT = 'create them first; the platform''s postgres role does';
    END IF;
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO pipeline, reader', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO pipeline', current_database());
END $$;

GRANT USAGE ON SCHEMA core, pipeline TO pipeline, reader;

GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA core TO pipeline;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA pipeline TO pipeline;
REVOKE INSERT, UPDATE, DELETE ON pipeline.schema_migration FROM pipeline;
GRANT EXECUTE ON FUNCTION core.ensure_partitions(integer[]) TO pipeline;

GRANT SELECT ON ALL TABLES IN SCHEMA core TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA pipeline TO reader;

ALTER DEFAULT PRIVILEGES IN SCHEMA core GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA core GRANT SELECT, INSERT, UPDATE ON TABLES TO pipeline;
ALTER DEFAULT PRIVILEGES IN SCHEMA pipeline GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA pipeline GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO pipeline;

-- A benchmark writes the real tables from a topic of its own; this takes its rows away again, and no others.
CREATE FUNCTION core.forget_bench(bench_topic text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    gone bigint;
BEGIN
    IF bench_topic NOT LIKE '%.bench' THEN
        RAISE EXCEPTION 'expected a topic that ends in .bench, found %', bench_topic;
    END IF;
    DELETE FROM core.observation WHERE source = 'bench' AND nature = 'simulated';
    DELETE FROM core.observation_event WHERE source = 'bench' AND kafka_topic = bench_topic;
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM pipeline.stream_offset WHERE query = 'bench' AND topic = bench_topic;
    DELETE FROM pipeline.batch_hour WHERE query = 'bench';
    DELETE FROM pipeline.batch WHERE query = 'bench';
    RETURN gone;
END $$;
REVOKE ALL ON FUNCTION core.forget_bench(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION core.forget_bench(text) TO pipeline;
