{{ config(indexes=[{'columns': ['station', 'day']}, {'columns': ['day']}]) }}
select
    station_key, station, nature, label as day, variable, statistic, value, unit, value_count, expected_count,
    complete, flag, rule, period_start, period_end, version
from ({{ chosen_rule('daily') }}) as chosen
