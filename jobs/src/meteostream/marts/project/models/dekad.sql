{{ config(indexes=[{'columns': ['station', 'first_day']}]) }}
select
    c.station_key, c.station, c.nature, c.label as first_day, c.label + (d.dekad_days - 1) as last_day, d.year, d.dekad,
    c.variable, c.day_statistic, c.statistic, c.value, c.unit, c.value_count, c.expected_count, c.complete, c.flag,
    c.rule, c.period_start, c.period_end, {{ redistribute('c', 'a') }} as redistribute, c.version
from ({{ chosen_rule('dekad') }}) as c
join {{ source('dim', 'date') }} as d on d.day = c.label
left join {{ ref('series_permission') }} as a
    on a.station = c.station and a.nature = c.nature and a.variable = c.variable
