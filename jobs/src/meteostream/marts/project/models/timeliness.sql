with reports as (
    select station, nature, observed_at, min(received_at) as received_at
    from {{ source('core', 'observation') }}
    where
        observed_at > {{ as_of() }} - make_interval(days => {{ var('timeliness_days') }})
        and observed_at <= {{ as_of() }} and source <> 'bench'
    group by station, nature, observed_at
),

steps as (
    select
        station, nature, observed_at, received_at,
        extract(epoch from received_at - observed_at) / 60 as delay_minutes,
        extract(epoch from observed_at - lag(observed_at) over (partition by station, nature order by observed_at))
        / 60 as interval_minutes
    from reports
),

measured as (
    select
        station,
        nature,
        count(*) as reports,
        max(observed_at) as last_observed_at,
        max(received_at) as last_received_at,
        percentile_cont(0.5) within group (order by interval_minutes) as usual_interval_minutes,
        percentile_cont(0.5) within group (order by delay_minutes) as median_delay_minutes,
        percentile_cont(0.95) within group (order by delay_minutes) as p95_delay_minutes,
        extract(epoch from {{ as_of() }} - max(observed_at)) / 3600 as silent_hours
    from steps
    group by station, nature
),

-- A registered station that never reported has a row as well: what is missing has to be seen (KF-109).
expected as (
    select station, case when series = 'simulated' then 'simulated' else 'observed' end as nature
    from {{ source('core', 'station') }}
    union
    select station, nature from measured
)

select
    e.station,
    e.nature,
    coalesce(m.reports, 0) as reports,
    m.last_observed_at,
    m.last_received_at,
    m.usual_interval_minutes::double precision as usual_interval_minutes,
    m.median_delay_minutes::double precision as median_delay_minutes,
    m.p95_delay_minutes::double precision as p95_delay_minutes,
    m.silent_hours::double precision as silent_hours,
    m.station is null
    or m.silent_hours > greatest({{ var('silent_hours') }}, 3 * coalesce(m.usual_interval_minutes, 0) / 60) as is_silent,
    {{ as_of() }} as as_of
from expected as e
left join measured as m using (station, nature)
