{{ config(indexes=[{'columns': ['station', 'product', 'first_day']}]) }}
select
    s.station_key,
    c.station,
    c.nature,
    c.product,
    c.element,
    c.first_day,
    c.last_day,
    c.value,
    c.known as known_days,
    c.expected as expected_days,
    c.sureness,
    c.detail,
    c.rule,
    c.version,
    c.computed_at
from {{ source('gold', 'climate') }} as c
left join {{ source('dim', 'station') }} as s
    on
        s.station = c.station and (c.last_day + 1)::timestamp at time zone 'UTC' >= s.valid_from
        and (c.last_day + 1)::timestamp at time zone 'UTC' < s.valid_to
where c.replaced_at is null
