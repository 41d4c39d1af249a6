-- What readers read, and the table of variables that the long form takes units from.

INSERT INTO core.variable (name, bit, unit, cf_name, statistic, period_s, title) VALUES
    ('air_temperature', 0, 'degC', 'air_temperature', 'point', 0, 'Air temperature'),
    ('dew_point_temperature', 1, 'degC', 'dew_point_temperature', 'point', 0, 'Dew point'),
    ('relative_humidity', 2, '%', 'relative_humidity', 'point', 0, 'Relative humidity'),
    ('station_pressure', 3, 'hPa', 'surface_air_pressure', 'point', 0, 'Pressure at the station'),
    ('sea_level_pressure', 4, 'hPa', 'air_pressure_at_mean_sea_level', 'point', 0, 'Pressure at sea level'),
    ('wind_mean_2min', 5, 'm/s', 'wind_speed', 'mean', 120, 'Mean wind over 2 minutes'),
    ('wind_mean_10min', 6, 'm/s', 'wind_speed', 'mean', 600, 'Mean wind over 10 minutes'),
    ('wind_direction', 7, 'degree', 'wind_from_direction', 'mean', 600, 'Direction the wind comes from'),
    ('wind_variable', 8, 'bool', NULL, 'point', 0, 'Wind direction is variable'),
    ('gust_10min', 9, 'm/s', 'wind_speed_of_gust', 'maximum', 600, 'Strongest gust of 10 minutes'),
    ('gust_1h', 10, 'm/s', 'wind_speed_of_gust', 'maximum', 3600, 'Strongest gust of the hour'),
    ('rain_1min', 11, 'mm', 'lwe_thickness_of_precipitation_amount', 'sum', 60, 'Rain of 1 minute'),
    ('rain_1h', 12, 'mm', 'lwe_thickness_of_precipitation_amount', 'sum', 3600, 'Rain of 1 hour'),
    ('rain_6h', 13, 'mm', 'lwe_thickness_of_precipitation_amount', 'sum', 21600, 'Rain of 6 hours'),
    ('rain_24h', 14, 'mm', 'lwe_thickness_of_precipitation_amount', 'sum', 86400, 'Rain of 24 hours'),
    ('tmax_12h', 15, 'degC', 'air_temperature', 'maximum', 43200, 'Highest temperature of 12 hours'),
    ('tmin_12h', 16, 'degC', 'air_temperature', 'minimum', 43200, 'Lowest temperature of 12 hours'),
    ('visibility', 17, 'm', 'visibility_in_air', 'point', 0, 'Visibility'),
    ('cloud_cover', 18, 'okta', 'cloud_area_fraction', 'point', 0, 'Total cloud cover'),
    ('irradiance', 19, 'W m-2', 'surface_downwelling_shortwave_flux_in_air', 'mean', 60, 'Global irradiance'),
    ('sunshine_1h', 20, 's', 'duration_of_sunshine', 'sum', 3600, 'Sunshine of the hour'),
    ('tmax_24h', NULL, 'degC', 'air_temperature', 'maximum', 86400, 'Highest temperature of 24 hours'),
    ('tmin_24h', NULL, 'degC', 'air_temperature', 'minimum', 86400, 'Lowest temperature of 24 hours'),
    ('tmean_24h', NULL, 'degC', 'air_temperature', 'mean', 86400, 'Mean temperature of 24 hours'),
    ('relative_humidity_mean_24h', NULL, '%', 'relative_humidity', 'mean', 86400, 'Mean humidity of 24 hours'),
    ('wind_mean_24h', NULL, 'm/s', 'wind_speed', 'mean', 86400, 'Mean wind of 24 hours'),
    ('gust_24h', NULL, 'm/s', 'wind_speed_of_gust', 'maximum', 86400, 'Strongest gust of 24 hours'),
    ('rain_3h', NULL, 'mm', 'lwe_thickness_of_precipitation_amount', 'sum', 10800, 'Rain of 3 hours'),
    ('rain_12h', NULL, 'mm', 'lwe_thickness_of_precipitation_amount', 'sum', 43200, 'Rain of 12 hours'),
    ('sunshine_24h', NULL, 's', 'duration_of_sunshine', 'sum', 86400, 'Sunshine of 24 hours'),
    ('irradiance_mean_24h', NULL, 'W m-2', 'surface_downwelling_shortwave_flux_in_air', 'mean', 86400, 'Mean global irradiance of 24 hours'),
    ('evaporation_24h', NULL, 'mm', 'lwe_thickness_of_water_evaporation_amount', 'sum', 86400, 'Evaporation of 24 hours'),
    ('snow_depth', NULL, 'm', 'surface_snow_thickness', 'point', 0, 'Depth of snow');

CREATE FUNCTION core.variables_of(mask bigint) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN mask = 0 THEN '{}'::text[] ELSE (
        SELECT coalesce(array_agg(name ORDER BY bit), '{}') FROM core.variable WHERE bit IS NOT NULL AND mask >> bit & 1 = 1
    ) END
$$;
COMMENT ON FUNCTION core.variables_of(bigint) IS 'Names of the wide variables whose bits are set in a mask.';

-- Failed values are null, suspect ones are kept and named. Natures stay in one view and apart by their column.
CREATE VIEW core.published AS
SELECT
    station, observed_at, received_at, source, report_type, nature, revision, report_id, event_id,
    CASE WHEN qc_failed & 1 = 0 THEN air_temperature END AS air_temperature,
    CASE WHEN qc_failed & 2 = 0 THEN dew_point_temperature END AS dew_point_temperature,
    CASE WHEN qc_failed & 4 = 0 THEN relative_humidity END AS relative_humidity,
    CASE WHEN qc_failed & 8 = 0 THEN station_pressure END AS station_pressure,
    CASE WHEN qc_failed & 16 = 0 THEN sea_level_pressure END AS sea_level_pressure,
    CASE WHEN qc_failed & 32 = 0 THEN wind_mean_2min END AS wind_mean_2min,
    CASE WHEN qc_failed & 64 = 0 THEN wind_mean_10min END AS wind_mean_10min,
    CASE WHEN qc_failed & 128 = 0 THEN wind_direction END AS wind_direction,
    CASE WHEN qc_failed & 256 = 0 THEN wind_variable END AS wind_variable,
    CASE WHEN qc_failed & 512 = 0 THEN gust_10min END AS gust_10min,
    CASE WHEN qc_failed & 1024 = 0 THEN gust_1h END AS gust_1h,
    CASE WHEN qc_failed & 2048 = 0 THEN rain_1min END AS rain_1min,
    CASE WHEN qc_failed & 4096 = 0 THEN rain_1h END AS rain_1h,
    CASE WHEN qc_failed & 8192 = 0 THEN rain_6h END AS rain_6h,
    CASE WHEN qc_failed & 16384 = 0 THEN rain_24h END AS rain_24h,
    CASE WHEN qc_failed & 32768 = 0 THEN tmax_12h END AS tmax_12h,
    CASE WHEN qc_failed & 65536 = 0 THEN tmin_12h END AS tmin_12h,
    CASE WHEN qc_failed & 131072 = 0 THEN visibility END AS visibility,
    CASE WHEN qc_failed & 262144 = 0 THEN cloud_cover END AS cloud_cover,
    CASE WHEN qc_failed & 524288 = 0 THEN irradiance END AS irradiance,
    CASE WHEN qc_failed & 1048576 = 0 THEN sunshine_1h END AS sunshine_1h,
    reported, qc_suspect, qc_failed, qc_ruleset,
    core.variables_of(qc_suspect) AS suspect_variables,
    core.variables_of(qc_failed) AS failed_variables
FROM core.observation;

-- One row a value, raw, with its QARTOD flag: 1 pass, 2 not evaluated, 3 suspect, 4 failed, 9 reported missing.
CREATE VIEW core.observation_values AS
SELECT
    o.station, o.observed_at, o.source, o.report_type, o.nature, o.revision, o.report_id,
    w.variable, v.statistic, o.observed_at - make_interval(secs => v.period_s) AS period_start,
    o.observed_at AS period_end, 0::double precision AS level, w.value, v.unit,
    CASE
        WHEN w.value IS NULL THEN 9
        WHEN o.qc_failed >> w.bit & 1 = 1 THEN 4
        WHEN o.qc_suspect >> w.bit & 1 = 1 THEN 3
        WHEN get_byte(o.qc_run, 2 * w.bit) + get_byte(o.qc_run, 2 * w.bit + 1) > 0 THEN 1
        ELSE 2
    END AS flag
FROM core.observation AS o
CROSS JOIN LATERAL (VALUES
    ('air_temperature', 0, o.air_temperature::double precision),
    ('dew_point_temperature', 1, o.dew_point_temperature::double precision),
    ('relative_humidity', 2, o.relative_humidity::double precision),
    ('station_pressure', 3, o.station_pressure::double precision),
    ('sea_level_pressure', 4, o.sea_level_pressure::double precision),
    ('wind_mean_2min', 5, o.wind_mean_2min::double precision),
    ('wind_mean_10min', 6, o.wind_mean_10min::double precision),
    ('wind_direction', 7, o.wind_direction::double precision),
    ('wind_variable', 8, o.wind_variable::integer::double precision),
    ('gust_10min', 9, o.gust_10min::double precision),
    ('gust_1h', 10, o.gust_1h::double precision),
    ('rain_1min', 11, o.rain_1min::double precision),
    ('rain_1h', 12, o.rain_1h::double precision),
    ('rain_6h', 13, o.rain_6h::double precision),
    ('rain_24h', 14, o.rain_24h::double precision),
    ('tmax_12h', 15, o.tmax_12h::double precision),
    ('tmin_12h', 16, o.tmin_12h::double precision),
    ('visibility', 17, o.visibility::double precision),
    ('cloud_cover', 18, o.cloud_cover::double precision),
    ('irradiance', 19, o.irradiance::double precision),
    ('sunshine_1h', 20, o.sunshine_1h::double precision)
) AS w (variable, bit, value)
JOIN core.variable AS v ON v.name = w.variable
WHERE o.reported >> w.bit & 1 = 1
UNION ALL
SELECT
    l.station, l.observed_at, l.source, l.report_type, l.nature, l.revision, l.report_id,
    l.variable, l.statistic, l.period_start, l.period_end, l.level, l.value, v.unit,
    CASE WHEN l.value IS NULL THEN 9 ELSE 2 END AS flag
FROM core.observation_long AS l
JOIN core.variable AS v ON v.name = l.variable;
