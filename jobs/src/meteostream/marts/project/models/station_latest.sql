{{ config(indexes=[{'columns': ['station']}]) }}
with latest as (
    select distinct on (o.station, o.nature, o.variable)
        o.station, o.nature, o.variable as report_variable, o.statistic, o.observed_at, o.value, o.unit, o.flag,
        o.source, o.report_id
    from {{ source('core', 'observation_values') }} as o
    where
        o.observed_at > {{ as_of() }} - make_interval(days => {{ var('latest_days') }})
        and o.observed_at <= {{ as_of() }} and o.flag not in (4, 9)
    order by o.station, o.nature, o.variable, o.observed_at desc, o.source, o.report_id
)

select
    s.station_key,
    l.station,
    l.nature,
    l.report_variable,
    v.variable,
    l.statistic,
    v.period_s,
    l.observed_at,
    l.value,
    l.unit,
    l.flag,
    l.source,
    d.source is not null as redistribute,
    l.report_id
from latest as l
left join {{ source('dim', 'report_variable') }} as v on v.name = l.report_variable
left join {{ source('dim', 'station') }} as s
    on s.station = l.station and l.observed_at >= s.valid_from and l.observed_at < s.valid_to
left join {{ ref('permission') }} as d
    on d.source = l.source and l.observed_at >= d.valid_from and l.observed_at < d.valid_to
