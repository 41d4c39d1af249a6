{#
    Of a table of gold one row a station, nature, label and series. A series is a variable, the statistic of its days
    and how days were combined: the mean of daily maxima is not the mean of daily means. Where several rules give it,
    a row that has a value goes before one without, and what was computed from reports before what was imported; the
    row keeps its rule, so values of different rules are never taken for the same.

    table: daily, dekad or monthly. Withdrawn rows (nothing expected) are left out.
#}
{% macro chosen_rule(table) %}
select distinct on (g.station, g.nature, g.label, g.variable, g.day_statistic, g.statistic)
    s.station_key,
    g.station,
    g.nature,
    g.label,
    g.variable,
    g.day_statistic,
    g.statistic,
    g.value,
    v.unit,
    g.count as value_count,
    g.expected as expected_count,
    g.complete,
    g.flag,
    g.rule,
    g.period_start,
    g.period_end,
    g.version
from (
    select
        rows.*,
        {% if table == 'daily' %}
        rows.statistic as day_statistic
        {% else %}
        case
            when rows.rule like 'imported:%' then i.statistic
            when rows.rule like 'tx-%' or rows.variable = 'gust' then 'maximum'
            when rows.rule like 'tn-%' then 'minimum'
            when rows.rule like 'rain-%' or rows.variable in ('rain', 'sunshine', 'evaporation') then 'sum'
            else 'mean'
        end as day_statistic
        {% endif %}
    from {{ source('gold', table) }} as rows
    {% if table != 'daily' %}
    -- An imported day's rule is imported:SOURCE:VARIABLE; the variable's name says which statistic its days are.
    left join {{ source('dim', 'report_variable') }} as i
        on i.name = split_part(split_part(rows.rule, '/', 1), ':', 3)
    {% endif %}
    where rows.expected > 0
) as g
left join {{ source('dim', 'variable') }} as v on v.variable = g.variable
left join {{ source('dim', 'station') }} as s
    on s.station = g.station and g.period_end >= s.valid_from and g.period_end < s.valid_to
order by
    g.station, g.nature, g.label, g.variable, g.day_statistic, g.statistic,
    g.value is null, g.rule like 'imported:%', g.rule, g.period_start
{% endmacro %}
