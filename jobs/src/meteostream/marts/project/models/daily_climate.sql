{{ config(indexes=[{'columns': ['station', 'day']}, {'columns': ['day']}]) }}
select
    c.station_key, c.station, c.nature, c.label as day, c.variable, c.statistic, c.value, c.unit, c.value_count,
    c.expected_count, c.complete, c.flag, c.rule, c.period_start, c.period_end,
    {{ redistribute('c', 'a') }} as redistribute, c.version
from ({{ chosen_rule('daily') }}) as c
left join {{ ref('series_permission') }} as a
    on a.station = c.station and a.nature = c.nature and a.variable = c.variable
