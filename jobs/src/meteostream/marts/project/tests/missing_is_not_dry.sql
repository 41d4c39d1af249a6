-- A day without a value is neither rainy nor dry.
select station, nature, day
from {{ ref('daily_rain') }}
where is_missing <> (rain_mm is null) or (is_rainy is null) <> is_missing
