{{ config(materialized='ephemeral') }}
-- Of each hourly series whether all of its values may be passed on, or any: most have one source, and need no more.
select
    h.station,
    h.nature,
    h.variable,
    bool_and(p.source is not null) as all_open,
    bool_or(p.source is not null) as any_open
from {{ source('gold', 'hourly') }} as h
left join {{ ref('permission') }} as p
    on p.source = h.source and h.period_end >= p.valid_from and h.period_end < p.valid_to
where h.value is not null
group by h.station, h.nature, h.variable
