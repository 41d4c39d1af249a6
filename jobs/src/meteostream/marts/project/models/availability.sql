{{ config(indexes=[{'columns': ['station', 'day']}]) }}
select
    s.station_key,
    g.station,
    g.nature,
    g.label as day,
    g.variable,
    g.statistic,
    g.value as share_percent,
    g.count as value_count,
    g.expected as expected_count,
    g.rule
from {{ source('gold', 'availability') }} as g
left join {{ source('dim', 'station') }} as s
    on s.station = g.station and g.period_end >= s.valid_from and g.period_end < s.valid_to
where g.expected > 0
