{# No value is one that no instrument can report; a sum of periods may be greater than an instrument's limit. #}
{% test value_is_possible(model) %}
select m.station, m.variable, m.value, v.low, v.high
from {{ model }} as m
join {{ source('dim', 'variable') }} as v using (variable)
where m.value < v.low or (m.value > v.high and m.statistic <> 'sum')
{% endtest %}
