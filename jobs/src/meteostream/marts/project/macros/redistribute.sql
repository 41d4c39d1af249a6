{#
    Whether a value of a period may be passed on: if every source may that has an hourly value of its variable in its
    period, whether it was used or not; an imported value if the source may that its rule names. A value without hourly
    values has an unknown source, which allows nothing. The same rule as in the exports (docs/exports.md).

    row: a row with station, nature, variable, period_start, period_end and rule.
    series: its row of series_permission.
#}
{% macro redistribute(row, series) %}
case
    when {{ row }}.rule like 'imported:%' then exists (
        select from {{ ref('permission') }} as p
        where
            p.source = split_part({{ row }}.rule, ':', 2)
            and {{ row }}.period_end >= p.valid_from and {{ row }}.period_end < p.valid_to
    )
    when not coalesce({{ series }}.any_open, false) then false
    when {{ series }}.all_open then exists (
        select from {{ source('gold', 'hourly') }} as h where {{ hours_within(row, 'h') }}
    )
    else coalesce((
        select
            bool_and(exists (
                select from {{ ref('permission') }} as p
                where p.source = h.source and h.period_end >= p.valid_from and h.period_end < p.valid_to
            ))
        from {{ source('gold', 'hourly') }} as h where {{ hours_within(row, 'h') }}
    ), false)
end
{% endmacro %}

{# Hourly values of a row's series within its period. #}
{% macro hours_within(row, hour) %}
    {{ hour }}.station = {{ row }}.station and {{ hour }}.nature = {{ row }}.nature
    and {{ hour }}.variable = {{ row }}.variable and {{ hour }}.value is not null
    and {{ hour }}.period_end > {{ row }}.period_start and {{ hour }}.period_end <= {{ row }}.period_end
{% endmacro %}
