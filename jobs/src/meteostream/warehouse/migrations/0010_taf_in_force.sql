-- Which TAF counts at a moment: the last one that was issued, also where it only cancels.
--
-- Rows of core.forecast are never taken back. A later issue ends what earlier ones said for its period or part of it
-- (ICAO Annex 3, chapter 6), from the moment of its issue; a cancellation is an issue without any value. A correction bears
-- the time of issue of what it corrects: of one issue only what came with its latest reception counts, because a
-- corrected TAF may have other spans. A view decides, so that reports may arrive in any order.

CREATE FUNCTION core.is_taf(model text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT model = 'taf' OR starts_with(model, 'taf-') $$;
COMMENT ON FUNCTION core.is_taf(text) IS 'Whether a model is a TAF, or the temporary or probable part of one.';

CREATE VIEW core.taf_issue AS
SELECT i.*, range_agg(tstzrange(i.began, i.ended)) OVER (
    -- 3 days: a TAF lasts 30 hours at most and is issued within a day of its begin; a later one that meets it comes
    -- before it ends.
    PARTITION BY i.station ORDER BY i.reference_time
    RANGE BETWEEN INTERVAL '1 second' FOLLOWING AND INTERVAL '3 days' FOLLOWING) AS ended_by
FROM (
    SELECT n.station, n.reference_time, n.received_at,
        greatest(min(n.valid_time), n.reference_time) AS began,
        max(coalesce(n.valid_until, n.valid_time)) AS ended,
        bool_and(n.value IS NULL) AS cancels
    FROM (
        SELECT f.*, max(f.received_at) OVER (PARTITION BY f.station, f.reference_time) AS newest
        FROM core.forecast AS f WHERE core.is_taf(f.model)
    ) AS n
    WHERE n.received_at = n.newest
    GROUP BY n.station, n.reference_time, n.received_at
) AS i;
COMMENT ON VIEW core.taf_issue IS 'Issues of TAF with their period, each as received last; give a station.';
COMMENT ON COLUMN core.taf_issue.ended_by IS 'Periods of later issues, which end what this one said for them; null: none.';

CREATE VIEW core.taf_in_force AS
SELECT f.station, f.model, lower(span.part) AS valid_time,
    CASE WHEN f.valid_until IS NOT NULL THEN upper(span.part) END AS valid_until,
    f.variable, f.value, f.reference_time, f.source, f.licence, f.received_at
FROM core.taf_issue AS i
JOIN core.forecast AS f USING (station, reference_time, received_at)
CROSS JOIN LATERAL unnest(
    tstzmultirange(CASE WHEN f.valid_until IS NULL THEN tstzrange(f.valid_time, f.valid_time, '[]')
        ELSE tstzrange(greatest(f.valid_time, f.reference_time), f.valid_until) END)
    - coalesce(i.ended_by, '{}')) AS span (part)
WHERE core.is_taf(f.model) AND NOT i.cancels;
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
GRANT SELECT ON core.taf_issue, core.taf_in_force TO pipeline, reader;
