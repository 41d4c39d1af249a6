{# Simulated weather belongs to simulated stations, and all other weather to all other stations. #}
{% test natures_apart(model) %}
select station, nature
from {{ model }}
where (nature = 'simulated') <> (station like '0-0-0-SIM%')
    or nature not in ('observed', 'simulated', 'replayed') or nature is null
{% endtest %}
