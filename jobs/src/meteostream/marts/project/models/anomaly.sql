with periods as (
    select 'month' as period, month as number, * from (
        select
            station_key, station, nature, first_day, last_day, month, variable, day_statistic, statistic, value, unit,
            flag, rule, redistribute
        from {{ ref('monthly_climate') }}
    ) as months
    union all
    select 'dekad' as period, dekad as number, * from (
        select
            station_key, station, nature, first_day, last_day, dekad, variable, day_statistic, statistic, value, unit,
            flag, rule, redistribute
        from {{ ref('dekad') }}
    ) as dekads
)

select
    p.station_key,
    p.station,
    p.nature,
    p.period,
    p.number,
    p.first_day,
    p.last_day,
    p.variable,
    p.day_statistic,
    p.statistic,
    p.value,
    n.value as normal,
    p.value - n.value as anomaly,
    case when p.statistic = 'sum' and n.value > 0 then 100 * p.value / n.value end as percent_of_normal,
    p.unit,
    p.flag,
    p.rule,
    p.redistribute,
    n.first_year as normal_first_year,
    n.last_year as normal_last_year,
    n.source as normal_source,
    n.licence as normal_licence,
    n.attribution as normal_attribution,
    n.redistribute as normal_redistribute
from periods as p
join {{ source('core', 'normal') }} as n
    on
        n.station = p.station and n.variable = p.variable and n.day_statistic = p.day_statistic
        and n.statistic = p.statistic and n.period = p.period and n.number = p.number and n.replaced_at is null
where p.value is not null and p.nature = 'observed'
