-- A run of dry days can be counted only if every day has a row, also a day whose rain is missing.
select station, nature, min(day) as first_day, max(day) as last_day, count(*) as days
from {{ ref('daily_rain') }}
group by station, nature
having count(*) <> max(day) - min(day) + 1
