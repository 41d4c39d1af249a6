{{ config(indexes=[{'columns': ['station', 'day']}]) }}
with rain as (
    select * from {{ ref('daily_climate') }} where variable = 'rain' and statistic = 'sum'
),

spans as (
    select station, nature, min(day) as first_day, max(day) as last_day from rain group by station, nature
)

select
    r.station_key,
    s.station,
    s.nature,
    d.day,
    d.year,
    d.month,
    d.dekad,
    r.value as rain_mm,
    r.value is null as is_missing,
    r.value >= {{ var('rainy_day_mm') }} as is_rainy,
    r.flag,
    r.rule,
    coalesce(r.redistribute, false) as redistribute
from spans as s
join {{ source('dim', 'date') }} as d on d.day between s.first_day and s.last_day
left join rain as r on r.station = s.station and r.nature = s.nature and r.day = d.day
