-- Every anomaly is the difference to a normal that was published for its station, series and period.
select a.*
from {{ ref('anomaly') }} as a
left join {{ source('core', 'normal') }} as n
    on
        n.station = a.station and n.variable = a.variable and n.day_statistic = a.day_statistic
        and n.statistic = a.statistic and n.period = a.period and n.number = a.number and n.source = a.normal_source
        and n.first_year = a.normal_first_year and n.last_year = a.normal_last_year and n.replaced_at is null
where n.value is null or a.anomaly is distinct from a.value - n.value
