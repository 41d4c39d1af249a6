-- Which TAF counts at a moment: the last one that was issued, also where it only cancels.
--
-- Rows of core.forecast are never taken back. A later issue ends what earlier ones said for its period or part of it
-- (ICAO Annex 3, 6.1.2), from the moment of its issue; a cancellation is an issue without any value. A correction bears
-- the time of issue of what it corrects: of one issue only what came with its latest reception counts, because a
-- corrected TAF may have other spans. A view decides, so that reports may arrive in any order.

CREATE FUNCTION core.is_taf(model text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT model = 'taf' OR starts_with(model, 'taf-') $$;
COMMENT ON FUNCTION core.is_taf(text) IS 'Whether a model is a TAF, or the temporary or probable part of one.';

CREATE VIEW core.taf_in_force AS
SELECT c.station, c.model, lower(span.part) AS valid_time,
    CASE WHEN c.valid_until IS NOT NULL THEN upper(span.part) END AS valid_until,
    c.variable, c.value, c.reference_time, c.source, c.licence, c.received_at
FROM (
    SELECT r.*, range_agg(tstzrange(r.began, r.ended)) OVER (
            -- 3 days: a TAF begins and ends within 30 hours, and a later one that meets it is issued before it ends.
            PARTITION BY r.station ORDER BY r.reference_time
            RANGE BETWEEN INTERVAL '1 second' FOLLOWING AND INTERVAL '3 days' FOLLOWING) AS later
    FROM (
        SELECT n.*, greatest(min(n.valid_time) OVER issue, n.reference_time) AS began,
            max(coalesce(n.valid_until, n.valid_time)) OVER issue AS ended,
            bool_and(n.value IS NULL) OVER issue AS cancelled
        FROM (
            SELECT f.*, max(f.received_at) OVER (PARTITION BY f.station, f.reference_time) AS newest
            FROM core.forecast AS f WHERE core.is_taf(f.model)
        ) AS n
        WHERE n.received_at = n.newest
        WINDOW issue AS (PARTITION BY n.station, n.reference_time)
    ) AS r
) AS c
CROSS JOIN LATERAL unnest(
    tstzmultirange(CASE WHEN c.valid_until IS NULL THEN tstzrange(c.valid_time, c.valid_time, '[]')
        ELSE tstzrange(greatest(c.valid_time, c.reference_time), c.valid_until) END)
    - coalesce(c.later, '{}')) AS span (part)
WHERE NOT c.cancelled;
COMMENT ON VIEW core.taf_in_force IS 'What TAF say, each from its issue until a later one or its end; give a station.';
COMMENT ON COLUMN core.taf_in_force.valid_until IS 'End of the span; null for a temperature of one hour.';

CREATE OR REPLACE VIEW core.forecast_latest AS
SELECT DISTINCT ON (station, model, valid_time, variable)
    station, model, valid_time, variable, reference_time, valid_until, value, source, licence, received_at
FROM core.forecast
WHERE NOT core.is_taf(model)
ORDER BY station, model, valid_time, variable, reference_time DESC;
COMMENT ON VIEW core.forecast_latest IS
    'Of each value of a numerical model the newest run''s; give a limit of valid_time. TAF: core.taf_in_force.';
GRANT SELECT ON core.taf_in_force TO pipeline, reader;
